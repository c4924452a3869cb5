import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { stubClassifier } from '../commands/stub.js';
import { type Served, useServer } from './serving.js';

const serve = useServer();
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

async function open({ port }: Served): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  // However it ends.
  socket.on('error', () => undefined);
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

/** What a client that does nothing wrong is answered, again and again. */
async function expectAnswers({ post }: Served, times = 20): Promise<void> {
  for (let i = 0; i < times; i++) {
    const answer = await post('/predict', { texts: ['money'] });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ predictions: [{ label: 'spam' }] });
  }
}

const body = JSON.stringify({ texts: ['money'] });
const request = (more = '') =>
  `POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`;

describe('clients that mean no good keep nobody out', () => {
  it('500 that connect and stay silent, and more than there is room for', async () => {
    const served = await serve(stubClassifier(), { limits: { connections: 400 } });
    for (let i = 0; i < 500; i++) await open(served);
    await expectAnswers(served);
    const metrics = await (await served.get('/metrics')).text();
    const connections = Number(/\nlockstep_serve_connections (\d+)/.exec(metrics)?.[1]);
    expect(connections).toBeLessThanOrEqual(400);
    // Who was silent for longest had to go, not who came last.
    expect(sockets[0]!.closed).toBe(true);
    expect(sockets.at(-1)!.closed).toBe(false);
  });

  it('those that send their heads for ever', async () => {
    const served = await serve(stubClassifier());
    const socket = await open(served);
    let received = '';
    socket.on('data', (data: Buffer) => (received += data.toString()));
    socket.write('POST /predict HTTP/1.1\r\nHost: localhost\r\n');
    const drip = setInterval(() => socket.write('X-A: b\r\n'), 100);
    const closed = once(socket, 'close');
    await expectAnswers(served);
    await closed;
    clearInterval(drip);
    expect(received).toMatch(/^HTTP\/1\.1 408 [^]*\{"error":"the request did not come in time"\}$/);
  });

  it('those with a megabyte of headers', async () => {
    const served = await serve(stubClassifier());
    const answer = await served.exchange(
      `GET /model HTTP/1.1\r\nHost: localhost\r\nX-A: ${'a'.repeat(2 ** 20)}\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 431 [^]*\{"error":"the headers are too long"\}$/);
    await expectAnswers(served);
  });

  it('those that send more than they say, or than is taken', async () => {
    const served = await serve(stubClassifier(), { limits: { bodyBytes: 1000 } });
    const large = await served.exchange(
      `POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000000000\r\n\r\n${'x'.repeat(5000)}`,
    );
    expect(large).toMatch(/^HTTP\/1\.1 413 /);
    const chunked = await served.exchange(
      `POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${`3e8\r\n${'x'.repeat(1000)}\r\n`.repeat(5)}`,
    );
    expect(chunked).toMatch(/^HTTP\/1\.1 413 /);
    await expectAnswers(served);
  });

  it('those that ask and never read: no answer is formed for them beyond what waits to be sent', async () => {
    const served = await serve(stubClassifier());
    const [asking] = await Promise.all([open(served)]);
    asking.pause();
    const ask = `GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    for (let i = 0; i < 20; i++) asking.write(ask.repeat(500));
    await expectAnswers(served);
    await sleep(200);
    const metrics = await (await served.get('/metrics')).text();
    const answered = /route="\/openapi\.json",method="GET",status="200"\} (\d+)/.exec(metrics)?.[1];
    expect(Number(answered ?? 0)).toBeLessThan(10_000);
    asking.destroy();
  });

  it('those that send hundreds of requests at once are answered one by one, in order', async () => {
    const served = await serve(stubClassifier());
    const socket = await open(served);
    let received = '';
    socket.on('data', (data: Buffer) => (received += data.toString()));
    const closed = once(socket, 'close');
    socket.write(request().repeat(300) + request('Connection: close\r\n'));
    await expectAnswers(served, 5);
    await closed;
    expect(received.match(/HTTP\/1\.1 200/g)).toHaveLength(301);
  });

  it('those that send hundreds of requests at once have one of them answered at a time, while others are', async () => {
    let [underWay, most, begun] = [0, 0, 0];
    const model = {
      ...stubClassifier(),
      async classify(texts: readonly string[]) {
        begun++;
        most = Math.max(most, ++underWay);
        await sleep(1);
        underWay--;
        return texts.map(() => new Float32Array([0.25, 0.75]));
      },
    };
    const served = await serve(model);
    for (let i = 0; i < 3; i++) (await open(served)).write(request().repeat(400));
    while (begun === 0) await sleep(1);
    await expectAnswers(served, 1);
    expect(begun).toBeLessThan(400);
    expect(most).toBeLessThanOrEqual(4);
  });

  it.each([
    ['GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n', 404],
    ['GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: localhost\r\n', 404],
    ['GET /model/..%2f..%2fetc%2fpasswd HTTP/1.1\r\nHost: localhost\r\n', 404],
    ['GET //model HTTP/1.1\r\nHost: localhost\r\n', 404],
    ['GET /%zz HTTP/1.1\r\nHost: localhost\r\n', 400],
    ['GET http://attacker.example/model HTTP/1.1\r\nHost: attacker.example\r\n', 403],
    ['GET /model HTTP/1.1\r\nHost: attacker.example\r\n', 403],
    ['GET /model HTTP/1.1\r\nHost: localhost@attacker.example\r\n', 400],
    ['GET /model HTTP/1.1\r\n', 400],
    ['GET /model HTTP/1.0\r\n', 400],
    ['TRACE /model HTTP/1.1\r\nHost: localhost\r\n', 405],
    ['OPTIONS * HTTP/1.1\r\nHost: localhost\r\n', 404],
    ['PROPFIND /model HTTP/1.1\r\nHost: localhost\r\n', 405],
    ['BREW /model HTTP/1.1\r\nHost: localhost\r\n', 400],
    ['nonsense\r\n', 400],
    [
      'GET /model HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n',
      400,
    ],
    [
      'GET /model HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n',
      200,
    ],
  ])('%j', async (head, status) => {
    const served = await serve(stubClassifier());
    const answer = await served.exchange(
      head.includes('Connection') ? `${head}\r\n` : `${head}Connection: close\r\n\r\n`,
    );
    expect(Number(answer.split(' ')[1])).toBe(status);
    expect(answer).not.toMatch(/node_modules|\bat .*\.[jt]s\b|root:/);
    await expectAnswers(served, 2);
  });

  it('CONNECT is not answered', async () => {
    const served = await serve(stubClassifier());
    expect(
      await served.exchange('CONNECT attacker.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n'),
    ).toBe('');
    await expectAnswers(served, 2);
  });
});
