import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Answer } from '../../../src/observe/server/answer.js';
import {
  type Answerer,
  Connections,
  LIMITS,
  type Limits,
} from '../../../src/observe/server/connections.js';
import type { Refusal, Request } from '../../../src/observe/server/request.js';

let server: Server;
let connections: Connections;
let answered: (Request | Refusal)[];
let clients: Socket[];

const body = Buffer.alloc(100, 'x');
const answerAll = (request: Request | Refusal): Promise<Answer> => {
  answered.push(request);
  return Promise.resolve({
    status: 'status' in request ? request.status : 200,
    headers: {},
    body,
  });
};

async function open(limits: Partial<Limits> = {}, answer: Answerer = answerAll): Promise<void> {
  connections = new Connections(answer, () => undefined, { ...LIMITS, ...limits });
  server = createServer({ allowHalfOpen: true }, (socket) => connections.accept(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
}

beforeEach(() => {
  answered = [];
  clients = [];
});
afterEach(async () => {
  clients.forEach((client) => client.destroy());
  server.close();
  await once(server, 'close');
});

interface Client {
  socket: Socket;
  received: () => string;
  closed: Promise<void>;
}

async function dial(): Promise<Client> {
  const { port } = server.address() as AddressInfo;
  const socket = connect({ port, host: '127.0.0.1' });
  clients.push(socket);
  let received = '';
  socket.on('data', (data) => (received += data.toString('latin1')));
  // A reset is one way to close.
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  await once(socket, 'connect');
  return { socket, received: () => received, closed };
}

const request = 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n';

describe('a connection', () => {
  test('serves one request and is closed, whatever comes behind it', async () => {
    await open();
    const { socket, received, closed } = await dial();
    socket.write(request.repeat(1000));
    await closed;
    expect(answered).toHaveLength(1);
    expect(received().match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(received()).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\nConnection: close\r\n\r\nx{100}$/);
  });

  test('takes a request that comes byte by byte', async () => {
    await open();
    const { socket, received, closed } = await dial();
    socket.setNoDelay(true);
    for (const byte of request) {
      socket.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await closed;
    expect(received()).toContain('200 OK');
  });

  test('reads no more of what does not end, and is closed in time', async () => {
    await open({ discardedBytes: 10_000, wholeMs: 200 });
    let read = 0;
    server.on('connection', (socket) => socket.on('data', (bytes) => (read += bytes.length)));
    const { socket, closed } = await dial();
    socket.write('POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n');
    for (let sent = 0; !socket.closed && sent < 1000; sent++) {
      socket.write(Buffer.alloc(100_000));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await closed;
    await expect.poll(() => connections.size, { interval: 5 }).toBe(0);
    // One block more than the limit at most.
    expect(read).toBeLessThan(10_000 + 2 ** 17);
  });

  test('is closed when the headers do not end', async () => {
    await open();
    const { socket, received, closed } = await dial();
    socket.write(`GET / HTTP/1.1\r\n${'a: b\r\n'.repeat(2000)}`);
    await closed;
    expect(received()).toMatch(/^HTTP\/1\.1 431 /);
  });

  test('is closed when nothing is asked for', async () => {
    await open({ headMs: 20 });
    const { received, closed } = await dial();
    await closed;
    expect(received()).toMatch(/^HTTP\/1\.1 408 /);
    await expect.poll(() => connections.size, { interval: 5 }).toBe(0);
  });

  test('is closed when the answer is not read, or does not come', async () => {
    const large = { status: 200, headers: {}, body: Buffer.alloc(64 * 2 ** 20) };
    await open({ wholeMs: 30 }, () => Promise.resolve(large));
    const { socket } = await dial();
    socket.pause();
    socket.write(request);
    await expect.poll(() => connections.size, { interval: 5 }).toBe(1);
    await expect.poll(() => connections.size, { interval: 5 }).toBe(0);
    server.close();
    let isWanted = true;
    await open({ wholeMs: 30 }, (_, gone) => {
      gone.addEventListener('abort', () => (isWanted = false));
      return new Promise<Answer>(() => undefined);
    });
    const other = await dial();
    other.socket.write(request);
    await other.closed;
    await expect.poll(() => isWanted, { interval: 2 }).toBe(false);
    expect(other.received()).toBe('');
  });

  test('has its answer no longer worked on when the client has gone', async () => {
    const working: AbortSignal[] = [];
    await open({ wholeMs: 2000 }, (_, gone) => {
      working.push(gone);
      return new Promise<Answer>(() => undefined);
    });
    const [gone, ended, waiting] = [await dial(), await dial(), await dial()];
    for (const { socket } of [gone, ended, waiting]) socket.write(request);
    await expect.poll(() => working.length, { interval: 2 }).toBe(3);
    const left = () => working.filter(({ aborted }) => !aborted).length;
    expect(left()).toBe(3);
    gone.socket.destroy();
    ended.socket.end();
    await expect.poll(left, { interval: 2 }).toBe(1);
  });

  test('ends with the client that hangs up before it has asked', async () => {
    await open();
    const { socket, closed } = await dial();
    socket.end('GET / HT');
    await closed;
    expect(answered).toEqual([]);
  });

  test('may be closed by the client for its own direction', async () => {
    await open();
    const { socket, received, closed } = await dial();
    socket.end(request);
    await closed;
    expect(received()).toContain('200 OK');
  });
});

describe('among many connections', () => {
  test('no more than the limit are open, and those who ask are served', async () => {
    await open({ connections: 8 });
    const idle = await Promise.all(Array.from({ length: 50 }, dial));
    const { socket, received, closed } = await dial();
    socket.write(request);
    await closed;
    expect(received()).toContain('200 OK');
    expect(connections.size).toBeLessThanOrEqual(8);
    // The first ones have made room.
    await Promise.all(idle.slice(0, 40).map((client) => client.closed));
  });

  test('those who have asked stay while others are silent', async () => {
    let release = (): void => undefined;
    const ready = new Promise<void>((resolve) => (release = resolve));
    let [asked, accepted] = [0, 0];
    await open({ connections: 4 }, async (request) => {
      asked++;
      await ready;
      return answerAll(request);
    });
    server.on('connection', () => accepted++);
    const asking = await dial();
    asking.socket.write(request);
    await expect.poll(() => asked, { interval: 2 }).toBe(1);
    await Promise.all(Array.from({ length: 20 }, dial));
    await expect.poll(() => accepted, { interval: 2 }).toBe(21);
    release();
    await asking.closed;
    expect(asking.received()).toContain('200 OK');
  });
});
