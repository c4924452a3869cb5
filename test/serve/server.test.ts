import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { describe, expect, it, test, vi } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { UserError } from '../../src/errors.js';
import { packageFile } from '../../src/package-root.js';
import type { TrainedModel } from '../../src/train/trained-model.js';
import { stubClassifier, stubLanguageModel } from '../commands/stub.js';
import { useServer } from './serving.js';

const serve = useServer();

/** A model whose answers wait until the test lets them go. */
function waitingModel(): { model: TrainedModel; answer: () => void; asked: string[][] } {
  const asked: string[][] = [];
  const waiting: (() => void)[] = [];
  const stub = stubClassifier();
  return {
    asked,
    answer: () => waiting.splice(0).forEach((resolve) => resolve()),
    model: {
      ...stubClassifier(),
      classify: async (texts) => {
        asked.push([...texts]);
        await new Promise<void>((resolve) => waiting.push(resolve));
        return stub.classify(texts);
      },
    },
  };
}

describe('a served classifier', () => {
  it('tells the class of each text, and which checkpoint has answered', async () => {
    const { post } = await serve(stubClassifier());
    const answer = await post('/predict', { texts: ['money', 'monday'] });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({
      predictions: [
        { label: 'spam', probability: 0.75, probabilities: { ham: 0.25, spam: 0.75 } },
        { label: 'ham', probability: 0.75, probabilities: { ham: 0.75, spam: 0.25 } },
      ],
      checkpoint: 'step-00000007',
    });
  });

  test.each<[unknown, number, string]>([
    [{ texts: [5] }, 400, 'texts[0]: expected a text, got 5'],
    [{ texts: 'a' }, 400, 'texts: expected a list, got "a"'],
    [{ texts: [] }, 400, 'texts: expected at least 1, got 0'],
    [{ texts: ['a', 'b', 'c', 'd'] }, 400, 'texts: expected at most 3, got 4'],
    [{ text: ['a'] }, 400, 'texts: missing'],
    [{ texts: ['a'], beam: 1 }, 400, 'beam: unknown key'],
    [['a'], 400, 'expected an object, got ["a"]'],
    ['null', 400, 'expected an object, got null'],
    ['{"texts": ["a"', 400, 'the body is no valid JSON'],
    ['', 400, 'expected a body of JSON, got none'],
    [{ texts: ['x'.repeat(5000)] }, 413, 'the body is larger than this server takes'],
    ['{"__proto__": {"texts": []}, "texts": ["a"]}', 400, '__proto__: unknown key'],
    ['{"texts": ["a"], "texts": ["b"]}', 400, 'texts: expected once, got it twice'],
  ])('refuses %j in a sentence', async (body, status, error) => {
    const { post } = await serve(stubClassifier(), { limits: { texts: 3, bodyBytes: 4096 } });
    const answer = await post('/predict', body);
    expect(answer.status).toBe(status);
    expect(await answer.json()).toEqual({ error });
  });

  it('takes JSON alone, which pages of foreign sites may not send', async () => {
    const { post } = await serve(stubClassifier());
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
      const answer = await post('/predict', '{"texts": ["a"]}', { 'content-type': type });
      expect(answer.status).toBe(415);
      expect(await answer.json()).toEqual({ error: 'expected a body of type application/json' });
    }
  });

  it('says which paths and methods there are', async () => {
    const { get, exchange } = await serve(stubClassifier());
    const lost = await get('/predictions');
    expect([lost.status, await lost.json()]).toEqual([
      404,
      {
        error:
          'there is no such path here; there are /predict, /score, /healthz, /readyz, /metrics, /model, /openapi.json',
      },
    ]);
    const odd = await get('/predict%zz');
    expect([odd.status, await odd.json()]).toEqual([
      400,
      { error: 'expected every % of the path to begin a byte of UTF-8 in two hexadecimal digits' },
    ]);
    const wrong = await get('/predict');
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST']);
    expect(await wrong.json()).toEqual({ error: '/predict takes POST, not GET' });
    const answer = await exchange(
      'DELETE /model HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 405 /);
  });

  it('tells what the model refuses as the fault of the request', async () => {
    const { post } = await serve({
      ...stubClassifier(),
      score: () => Promise.reject(new UserError('score: row 1: expected a class')),
    });
    const answer = await post('/score', { rows: [{ text: 'a', label: 'b' }] });
    expect([answer.status, await answer.json()]).toEqual([
      400,
      { error: 'row 1: expected a class' },
    ]);
  });

  it('scores no translation that is longer than any of training, for which an engine of its own would be made', async () => {
    const text = 'task: translate\ndata: { train: { source: a.txt, target: b.txt }, maxLength: 5 }';
    const score = vi.fn(() => Promise.resolve([{ logProbability: -1, unknown: 0 }]));
    const { post } = await serve({
      ...stubLanguageModel(),
      config: parseConfig(text, 'x.yaml'),
      score,
    });
    expect((await post('/score', { rows: [{ source: 'a', target: 'five!' }] })).status).toBe(200);
    const rows = [
      { source: 'a', target: 'b' },
      { source: 'a', target: 'longer' },
    ];
    const answer = await post('/score', { rows });
    expect([answer.status, await answer.json()]).toEqual([
      400,
      { error: 'row 1: expected a target of at most 5 tokens (data.maxLength), got one of 6' },
    ]);
    expect(score).toHaveBeenCalledOnce();
  });

  it('keeps bugs to itself, and tells the operator', async () => {
    const { post, heard } = await serve({
      ...stubClassifier(),
      classify: () => Promise.reject(new Error('secret\n    at /home/x.js')),
    });
    const answer = await post('/predict', { texts: ['a'] });
    expect(answer.status).toBe(500);
    expect(await answer.text()).toBe(
      '{"error":"this request could not be answered, which is a bug"}',
    );
    expect(heard).toEqual(['POST /predict has failed, which is a bug in lockstep: secret']);
  });
});

describe('a server', () => {
  it('refuses what goes beyond its queue, and takes texts again when there is room', async () => {
    const { model, answer, asked } = waitingModel();
    const { post, get } = await serve(model, { limits: { queue: 3, texts: 3 } });
    const first = post('/predict', { texts: ['a', 'b'] });
    await expect.poll(() => asked.length).toBe(1);
    const refused = await post('/predict', { texts: ['c', 'd'] });
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await refused.json()).toEqual({
      error: 'all 3 places for texts are taken; ask again later',
    });
    expect(await (await get('/metrics')).text()).toContain('\nlockstep_serve_queue_texts 2\n');
    const third = post('/predict', { texts: ['e'] });
    await expect.poll(() => asked.length).toBe(2);
    answer();
    expect((await first).status).toBe(200);
    expect((await third).status).toBe(200);
    const last = post('/predict', { texts: ['f', 'g', 'h'] });
    await expect.poll(() => asked.length).toBe(3);
    answer();
    expect((await last).status).toBe(200);
  });

  it('refuses what takes more memory than there is room for; one request is answered whatever it takes', async () => {
    const { model, answer, asked } = waitingModel();
    const { post, get } = await serve(model, { limits: { memoryBytes: 10_000 } });
    const first = post('/predict', { texts: ['x'.repeat(6000)] });
    await expect.poll(() => asked.length).toBe(1);
    const refused = await post('/predict', { texts: ['a'] });
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await refused.json()).toEqual({
      error: 'other requests take the memory that there is for them; ask again later',
    });
    expect(await (await get('/metrics')).text()).toMatch(/\nlockstep_serve_queue_bytes 12\d{3}\n/);
    answer();
    expect((await first).status).toBe(200);
    expect(await (await get('/metrics')).text()).toContain('\nlockstep_serve_queue_bytes 0\n');
    const next = post('/predict', { texts: ['a'] });
    await expect.poll(() => asked.length).toBe(2);
    answer();
    expect((await next).status).toBe(200);
  });

  it('closes its model and says what is wrong where its threads do not start', async () => {
    let closed = 0;
    const model = {
      ...stubClassifier(),
      warmUp: () =>
        Promise.reject(Object.assign(new Error('no memory'), { code: 'ERR_WORKER_OUT_OF_MEMORY' })),
      close: () => {
        closed++;
        return Promise.resolve();
      },
    };
    await expect(serve(model)).rejects.toThrow(/^no memory$/);
    expect(closed).toBe(1);
  });

  it('answers in time, and gives a place free only when its work is done', async () => {
    const { model, answer } = waitingModel();
    const { post } = await serve(model, { limits: { queue: 1, texts: 1, timeoutMs: 50 } });
    const late = await post('/predict', { texts: ['a'] });
    expect([late.status, late.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await late.json()).toEqual({
      error: 'there was no answer within 0.05 s; ask for less, or later',
    });
    const full = await post('/predict', { texts: ['a'] });
    expect(await full.json()).toEqual({
      error: 'all 1 places for texts are taken; ask again later',
    });
    answer();
    await expect
      .poll(async () => {
        const asked = post('/predict', { texts: ['a'] });
        setTimeout(answer, 10);
        return (await asked).status;
      })
      .toBe(200);
  });

  it('answers to its own names alone', async () => {
    const { exchange } = await serve(stubClassifier(), { access: { hosts: ['models.example'] } });
    const statusFor = async (host: string): Promise<number> => {
      const head = `GET /model HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
      return Number((await exchange(head)).split(' ')[1]);
    };
    expect(await statusFor('localhost')).toBe(200);
    expect(await statusFor('models.example:80')).toBe(200);
    expect(await statusFor('attacker.example')).toBe(403);
    expect(await statusFor('10.0.0.1')).toBe(403);
    expect(await statusFor('localhost\r\nHost: attacker.example')).toBe(400);
  });

  it('asks for its token, but for its health', async () => {
    const token = 'a-long-enough-token';
    const { get, post } = await serve(stubClassifier(), { access: { token } });
    const ask = (headers: Record<string, string>) => post('/predict', { texts: ['a'] }, headers);
    const refused = await ask({ authorization: 'Bearer another-token-indeed' });
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    expect((await ask({})).status).toBe(401);
    expect((await ask({ authorization: `Bearer ${token}` })).status).toBe(200);
    expect((await get('/metrics')).status).toBe(401);
    expect((await get('/healthz')).status).toBe(200);
    expect((await get('/readyz')).status).toBe(200);
  });

  it('answers what is under way before it closes, and takes nothing new', async () => {
    const { model, answer, asked } = waitingModel();
    let isClosed = false;
    const { server, post, port } = await serve({
      ...model,
      close: () => {
        isClosed = true;
        return Promise.resolve();
      },
    });
    const idle = connect(port, '127.0.0.1');
    await once(idle, 'connect');
    const askedBefore = connect(port, '127.0.0.1');
    askedBefore.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(askedBefore, 'data');
    const first = post('/predict', { texts: ['a'] });
    await expect.poll(() => asked.length).toBe(1);
    const closing = server.close();
    await Promise.all([once(idle, 'close'), once(askedBefore, 'close')]);
    expect(isClosed).toBe(false);
    answer();
    expect((await first).status).toBe(200);
    await closing;
    expect(isClosed).toBe(true);
    await expect(post('/predict', { texts: ['a'] })).rejects.toThrow();
  });

  it('says which port is taken', async () => {
    const { port } = await serve(stubClassifier());
    await expect(serve(stubClassifier(), { port })).rejects.toThrow(
      `--port: port ${port} of 127.0.0.1 is in use; choose another (0 picks a free one)`,
    );
  });

  it('has the metrics that docs/serving.md lists, each of its kind', async () => {
    const { get } = await serve(stubClassifier());
    const told = (await (await get('/metrics')).text()).matchAll(/^# TYPE (lockstep_\w+) (\w+)$/gm);
    const docs = readFileSync(packageFile('docs/serving.md'), 'utf8');
    const listed = docs.matchAll(/^\| `(lockstep_\w+)[^`]*` +\| (\w+)/gm);
    const kindsOf = (found: Iterable<RegExpExecArray>): string[] =>
      Array.from(found, ([, name, kind]) => `${name} ${kind}`).sort();
    expect(kindsOf(listed)).toEqual(kindsOf(told));
  });

  it('counts requests by route and status, and tells of the model', async () => {
    const { get, post } = await serve(stubClassifier());
    await post('/predict', { texts: ['a', 'b'] });
    await post('/predict', { texts: [] });
    await get('/some/path/of/a/scanner');
    await expect
      .poll(async () => (await get('/metrics')).text())
      .toContain('route="(none)",method="(any)",status="404"} 1');
    const text = await (await get('/metrics')).text();
    const lines = text.split('\n');
    expect(lines).toContain(
      'lockstep_serve_requests_total{route="/predict",method="POST",status="200"} 1',
    );
    expect(lines).toContain(
      'lockstep_serve_requests_total{route="/predict",method="POST",status="400"} 1',
    );
    expect(lines).toContain('lockstep_serve_texts_total{route="/predict"} 2');
    expect(lines).toContain('lockstep_serve_model_step 7');
    expect(text).toMatch(/lockstep_serve_model_info\{checkpoint="step-00000007",task="classify",/);
    expect(text).toMatch(/lockstep_serve_request_duration_seconds_count\{route="\/predict"\} 2/);
  });
});
