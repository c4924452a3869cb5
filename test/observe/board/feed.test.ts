import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Board } from '../../../src/observe/board/board.js';
import { Feed, FEED_LIMITS, type Sink } from '../../../src/observe/board/feed.js';
import type { BoardUpdate, RunUpdate } from '../../../src/observe/board/wire.js';
import { logOf } from './logs.js';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-feed-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'metrics.jsonl');
const lines = logOf(200, 50);

/** A client, which takes what it is sent when it is told to. */
class Client implements Sink {
  waiting = 0;
  text = '';
  isClosed = false;
  isReading = true;
  write(text: string): void {
    if (!this.isReading) this.waiting += text.length;
    this.text += text;
  }
  close(): void {
    this.isClosed = true;
  }
  /** What has come since the last call. */
  take(): { board: BoardUpdate[]; run: RunUpdate[]; id: string } {
    const frames = this.text.split('\n\n');
    this.text = '';
    const of = <T>(name: string) =>
      frames
        .filter((frame) => frame.startsWith(`event: ${name}\n`))
        .map((frame) => JSON.parse(/^data: (.*)$/m.exec(frame)![1]!) as T);
    const ids = frames.flatMap((frame) => /^id: (.*)$/m.exec(frame)?.[1] ?? []);
    return { board: of('board'), run: of('run'), id: ids.at(-1) ?? '' };
  }
}

let board: Board;
let feed: Feed;
const readAll = () => {
  while (board.read(feed.watched, () => true));
};

function restart(): void {
  board = new Board();
  board.setPlaces([
    { id: 'a', name: 'run', directory: folder, readConfig: () => ({ entries: [] }) },
  ]);
  feed = new Feed(board, () => true, { ...FEED_LIMITS, streams: 3 });
  board.find('a')!.keepDetail();
}

beforeEach(() => {
  writeFileSync(file, lines.slice(0, 100).join(''));
  restart();
  readAll();
});

describe('the stream of an open page', () => {
  test('begins with all there is, and goes on with what is new', () => {
    const client = new Client();
    feed.open(client, ['a'], '');
    const first = client.take();
    expect(first.board[0]).toMatchObject({ reset: true, runs: [{ id: 'a', state: 'training' }] });
    expect(first.run[0]).toMatchObject({ id: 'a', reset: true });
    expect(first.run[0]!.series['step']!.first.length).toBeGreaterThan(50);
    feed.tick();
    expect(client.text).toBe('');
    appendFileSync(file, lines[100]!);
    readAll();
    feed.tick();
    const next = client.take();
    expect(next.run[0]).toMatchObject({ reset: false, events: [], latest: {} });
    expect(next.run[0]!.series['step']!.first).toHaveLength(1);
  });

  test('tells that there are runs beside those that are watched', () => {
    const client = new Client();
    feed.open(client, [], '');
    expect(client.take().board[0]).toMatchObject({ areMore: false });
    board.setPlaces(
      board.runs.map(({ place }) => place),
      true,
    );
    feed.tick();
    expect(client.take().board).toEqual([{ reset: false, runs: [], gone: [], areMore: true }]);
    feed.tick();
    expect(client.text).toBe('');
  });

  test('goes on where a page that comes back has left off', () => {
    const client = new Client();
    const leave = feed.open(client, ['a'], '');
    const { id } = client.take();
    leave();
    appendFileSync(file, lines.slice(100, 110).join(''));
    readAll();
    const again = new Client();
    feed.open(again, ['a'], id);
    const { run } = again.take();
    expect(run[0]!.reset).toBe(false);
    expect(run[0]!.series['step']!.first.length).toBeLessThanOrEqual(10);
  });

  test('begins anew for a page that another process has told of the run, or that says anything else', () => {
    const before = new Client();
    feed.open(before, ['a'], '');
    const { id } = before.take();
    restart();
    readAll();
    for (const since of [id, 'a.00000000.7', 'a.x.y', ',,,', '\0']) {
      const client = new Client();
      const leave = feed.open(client, ['a'], since);
      expect(client.take().run[0]!.reset).toBe(true);
      leave();
    }
  });

  test('begins alike for pages that come soon after each other, and what is new since follows', () => {
    const first = new Client();
    feed.open(first, ['a'], '');
    const { run } = first.take();
    appendFileSync(file, lines[100]!);
    readAll();
    const second = new Client();
    feed.open(second, ['a'], '');
    expect(second.take().run).toEqual(run);
    feed.tick();
    const next = second.take();
    expect(next.run).toEqual(first.take().run);
    expect(next.run[0]).toMatchObject({ reset: false });
  });

  test('begins anew when the log was cut off', () => {
    const client = new Client();
    feed.open(client, ['a'], '');
    client.take();
    writeFileSync(file, lines.slice(0, 20).join(''));
    readAll();
    feed.tick();
    expect(client.take().run[0]).toMatchObject({ reset: true });
  });

  test('queues nothing for a client that does not read, and lets it go in the end', () => {
    const now = vi.spyOn(performance, 'now').mockReturnValue(0);
    const client = new Client();
    client.isReading = false;
    feed.open(client, ['a'], '');
    const { waiting } = client;
    for (let at = 100; at < 120; at++) {
      appendFileSync(file, lines[at]!);
      readAll();
      feed.tick();
    }
    expect([client.waiting, client.isClosed]).toEqual([waiting, false]);
    now.mockReturnValue(FEED_LIMITS.patienceMs + 1);
    feed.tick();
    expect(client.isClosed).toBe(true);
    now.mockRestore();
  });

  test('is kept alive where nothing happens', () => {
    const now = vi.spyOn(performance, 'now').mockReturnValue(0);
    const client = new Client();
    feed.open(client, ['a'], '');
    client.take();
    now.mockReturnValue(FEED_LIMITS.heartbeatMs + 1);
    feed.tick();
    expect(client.text).toBe(':\n\n');
    now.mockRestore();
  });

  test('waits where there is no time for it, and pages have their turns then', () => {
    let turns = 0;
    feed = new Feed(board, () => turns-- > 0);
    const clients = [new Client(), new Client(), new Client()];
    const leave = clients.map((client) => feed.open(client, ['a'], ''));
    const told = () => clients.map((client) => client.take().run.length);
    expect(told()).toEqual([0, 0, 0]);
    turns = 2;
    feed.tick();
    expect(told()).toEqual([1, 1, 0]);
    appendFileSync(file, lines[100]!);
    readAll();
    turns = 2;
    feed.tick();
    expect(told()).toEqual([1, 0, 1]);
    leave[1]!();
    turns = 9;
    feed.tick();
    // What has come since the beginning that it was told with the others.
    expect(told()).toEqual([0, 0, 1]);
    turns = 0;
    appendFileSync(file, lines[101]!);
    readAll();
    feed.tick(() => true);
    expect(told()).toEqual([1, 0, 1]);
  });

  test('is one of few', () => {
    const leave = [1, 2, 3].map(() => feed.open(new Client(), ['a', 'unknown'], ''));
    expect(feed.isFull).toBe(true);
    leave[0]!();
    expect(feed.isFull).toBe(false);
  });
});
