import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ScrapeWatch } from '../../../src/observe/server/scrape-watch.js';
import { Snapshot } from '../../../src/observe/server/snapshot.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a snapshot', () => {
  test('is ordered when somebody asks, once for all who do, and kept for half a second', async () => {
    const order = vi.fn();
    const snapshot = new Snapshot(order);
    const asked = [snapshot.read(), snapshot.read()];
    expect(order).toHaveBeenCalledTimes(1);
    snapshot.take('one');
    expect((await Promise.all(asked)).map(String)).toEqual(['one', 'one']);
    vi.advanceTimersByTime(499);
    expect(String(await snapshot.read())).toBe('one');
    expect(order).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(1);
    const next = snapshot.read();
    snapshot.take('two');
    expect(String(await next)).toBe('two');
    expect(order).toHaveBeenCalledTimes(2);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('is the one before where the training does not answer, and none at first', async () => {
    const snapshot = new Snapshot(() => undefined);
    const first = snapshot.read();
    await vi.advanceTimersByTimeAsync(2000);
    expect(await first).toBeUndefined();
    snapshot.take('late');
    vi.advanceTimersByTime(1000);
    const second = snapshot.read();
    await vi.advanceTimersByTimeAsync(2000);
    expect(String(await second)).toBe('late');
  });

  test('is not taken any more after the end', async () => {
    const order = vi.fn();
    const snapshot = new Snapshot(order);
    const asked = snapshot.read();
    snapshot.finish('end');
    snapshot.take('late');
    vi.advanceTimersByTime(60_000);
    expect([String(await asked), String(await snapshot.read())]).toEqual(['end', 'end']);
    expect(order).toHaveBeenCalledTimes(1);
  });
});

describe('after the end a Prometheus is waited for', () => {
  test.each([
    ['as long as it takes to come again, and half as long', [0, 5000, 10_000], 60_000, 7500 - 1000],
    ['but no longer than is told', [0, 50_000], 20_000, 20_000],
    ['for as long as is told, if it has come once', [0], 60_000, 60_000],
    ['not at all, if it has not come', [], 60_000, 0],
  ])('%s', (_, scrapes, patience, expected) => {
    const onRead = vi.fn();
    const watch = new ScrapeWatch(onRead);
    let now = 0;
    for (const at of scrapes) {
      vi.advanceTimersByTime(at - now);
      now = at;
      watch.note();
    }
    vi.advanceTimersByTime(1000);
    expect(watch.end(patience)).toBe(expected);
    if (expected > 0) vi.advanceTimersByTime(expected - 1);
    expect(onRead).toHaveBeenCalledTimes(0);
    vi.advanceTimersByTime(1);
    expect(onRead).toHaveBeenCalledTimes(1);
  });

  test('only until it has come, however often others come then', () => {
    const onRead = vi.fn();
    const watch = new ScrapeWatch(onRead);
    watch.note();
    watch.end(60_000);
    for (let i = 0; i < 10; i++) {
      watch.note();
      vi.advanceTimersByTime(100);
    }
    expect(onRead).toHaveBeenCalledTimes(1);
  });
});
