import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { FEED_LIMITS } from '../../../src/observe/board/feed.js';
import { findRuns } from '../../../src/observe/board/find-runs.js';
import { serveBoard, type BoardServer } from '../../../src/observe/server/serve-board.js';
import { logOf } from '../board/logs.js';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-streams-'));
const file = join(folder, 'metrics.jsonl');
const lines = logOf(300);
let id: string;
let server: BoardServer;
let sockets: Socket[] = [];

beforeAll(async () => {
  writeFileSync(file, lines.slice(0, 200).join(''));
  id = findRuns([folder]).runs[0]!.id;
  const access = { host: '127.0.0.1', hosts: [], token: null };
  server = await serveBoard([folder], { access, port: 0, share: 1 }, { host: '', port: '' });
});
afterEach(() => {
  sockets.forEach((socket) => socket.destroy());
  sockets = [];
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

function send(path: string, { method = 'GET', host = 'localhost', headers = '' } = {}) {
  const socket = connect({ port: Number(new URL(server.url).port), host: '127.0.0.1' });
  sockets.push(socket);
  let text = '';
  let isClosed = false;
  socket.on('data', (bytes) => (text += bytes.toString()));
  socket.on('error', () => undefined);
  socket.on('close', () => (isClosed = true));
  socket.write(`${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n${headers}\r\n`);
  return { socket, text: () => text, isClosed: () => isClosed };
}

describe('a stream of events', () => {
  test('goes on, and is taken up again where it was left off', async () => {
    const first = send(`/events?runs=${id}`);
    await expect.poll(() => first.text()).toMatch(/\n\nevent: run\nid: .*\ndata: \{.*"reset":true/);
    expect(first.text()).toMatch(/^HTTP\/1\.1 200 OK\r\nContent-Type: text\/event-stream\r\n/);
    const last = () => [...first.text().matchAll(/^id: (.*)$/gm)].at(-1)![1]!;
    const before = last();
    appendFileSync(file, lines.slice(200, 210).join(''));
    await expect.poll(last).not.toBe(before);
    const again = send(`/events?runs=${id}`, { headers: `Last-Event-ID: ${last()}\r\n` });
    await expect.poll(() => again.text()).toContain('event: board');
    appendFileSync(file, lines.slice(210, 220).join(''));
    await expect.poll(() => again.text()).toContain('event: run');
    expect(again.text()).not.toContain('"id":"' + id + '","reset":true,"series"');
  });

  test('is one of few; a page that has gone makes room for another', async () => {
    const open = Array.from({ length: FEED_LIMITS.streams }, () => send(`/events?runs=${id}`));
    for (const each of open) await expect.poll(() => each.text()).toContain('200 OK');
    const refused = send('/events');
    await expect.poll(() => refused.text()).toMatch(/^HTTP\/1\.1 503 [^]*Too many pages are open/);
    open[0]!.socket.destroy();
    await expect
      .poll(async () => {
        const next = send('/events');
        await expect.poll(() => next.text()).not.toBe('');
        return next.text();
      })
      .toContain('200 OK');
    // Answers of other routes are not kept waiting.
    const health = send('/healthz');
    await expect.poll(() => health.text()).toContain('200 OK');
  });

  test('is for those alone who know this server', async () => {
    for (const path of ['/events', '/range', '/at', '/config']) {
      const foreign = send(path, { host: 'attacker.example' });
      await expect.poll(() => foreign.text()).toMatch(/^HTTP\/1\.1 403 /);
    }
  });

  test('has a head alone where that is asked for', async () => {
    const head = send('/events', { method: 'HEAD' });
    await expect.poll(() => head.isClosed()).toBe(true);
    expect(head.text()).toMatch(/^HTTP\/1\.1 200 OK[^]*\r\n\r\n$/);
  });

  test.each(['/range?run=x', '/at?run=../../etc&step=1', '/at?step=9e99', '/config?run=%00'])(
    'is not had by asking for what is not there: %s',
    async (path) => {
      const answer = send(path);
      await expect.poll(() => answer.isClosed()).toBe(true);
      expect(answer.text()).toMatch(/\r\n\r\nnull$/);
    },
  );
});
