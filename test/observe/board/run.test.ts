import { appendFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { readRange, readStep } from '../../../src/observe/board/log-lookup.js';
import { Run } from '../../../src/observe/board/run.js';
import type { RunUpdate } from '../../../src/observe/board/wire.js';
import { Store } from '../../../src/page/store.js';
import { stepEvent } from '../events.js';
import { line, logOf } from './logs.js';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-run-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'metrics.jsonl');
const go = () => Promise.resolve();

function follow(changes: { liveSince?: number } = {}): Run {
  const readConfig = () => ({ entries: [{ key: 'task', value: 'tag', differs: true }] });
  const run = new Run({ id: 'a', name: 'run', directory: folder, readConfig, ...changes });
  run.keepDetail();
  return run;
}

const readAll = (run: Run) => {
  while (run.poll(1 << 20));
  return run;
};

describe('a run by its log', () => {
  test('is summed up', () => {
    writeFileSync(file, logOf(100).join(''));
    const { state, step, totalSteps, seconds, counts, last, best, differs, tokensPerSecond } =
      readAll(follow()).tell();
    expect({ state, step, totalSteps, differs }).toEqual({
      ...{ state: 'finished', step: 100, totalSteps: 100, differs: { task: 'tag' } },
    });
    expect(seconds).toBeCloseTo(10);
    expect(tokensPerSecond).toBeCloseTo(3200, -1);
    expect(counts).toMatchObject({ starts: 1, evaluations: 10, checkpoints: 10, skippedLines: 0 });
    expect([last!.step, last!['loss'], best!.step]).toEqual([100, 0.01, 100]);
  });

  test('has its config read when its log is, not when it is told of', () => {
    writeFileSync(file, logOf(10).join(''));
    let reads = 0;
    const readConfig = () => {
      reads++;
      return { entries: [{ key: 'task', value: 'tag', differs: true }] };
    };
    const run = new Run({ id: 'a', name: 'run', directory: folder, readConfig });
    const before = run.version;
    expect(run.tell().differs).toBeUndefined();
    expect(reads).toBe(0);
    readAll(run);
    expect(run.tell().differs).toEqual({ task: 'tag' });
    expect(run.version).not.toBe(before);
    readAll(run);
    expect(reads).toBe(1);
  });

  test('is training where its log was put aside and goes on without a start', () => {
    writeFileSync(file, logOf(20).slice(5, 9).join(''));
    const { state, step, secondsLeft } = readAll(follow()).tell();
    expect({ state, step, secondsLeft }).toEqual({
      state: 'training',
      step: 8,
      secondsLeft: undefined,
    });
  });

  test('keeps its notices, however many evaluations come after them', () => {
    const notice = line({ type: 'notice', message: 'a worker is slow' }, 0);
    const [start, ...others] = logOf(1000, 1);
    writeFileSync(file, [start, notice, ...others.slice(0, -1)].join(''));
    const run = readAll(follow());
    const page = new Store();
    page.applyRun(run.since(undefined)!);
    const before = run.cursor;
    appendFileSync(file, [notice, others.at(-1)].join(''));
    page.applyRun(readAll(run).since(before)!);
    const again = new Store();
    again.applyRun(run.since(undefined)!);
    for (const { data } of [page, again]) {
      const events = data.get('a')!.events;
      const types = events.map(({ type }) => type);
      expect(types.slice(0, 2)).toEqual(['start', 'notice']);
      expect(types.slice(-2)).toEqual(['notice', 'end']);
      expect(types).toHaveLength(404);
      expect(events.findLast(({ type }) => type === 'evaluation')!.step).toBe(1000);
    }
  });

  test('passes over lines that are none of ours, and says how many', () => {
    writeFileSync(
      file,
      `${logOf(3).join('')}{"type":\nnull\n[1]\n{"type":7}\n\xff\xfe\n${line(stepEvent(2), 9)}`,
    );
    const facts = readAll(follow()).tell();
    expect([facts.step, facts.counts.skippedLines]).toEqual([3, 6]);
  });

  test('counts the time of its starts, not that between them', () => {
    const first = logOf(20).slice(0, 15);
    const shift = (lines: string[]) =>
      lines.map((each) => each.replace('2026-01-01T00', '2026-01-01T05'));
    writeFileSync(
      file,
      [...first, ...shift([line({ type: 'notice', message: 'x' }, 0), logOf(20)[0]!])].join(''),
    );
    expect(readAll(follow()).tell().seconds).toBeLessThan(2);
  });

  test('is preparing until its own process has started it, whatever its log tells of earlier starts', () => {
    writeFileSync(file, logOf(10).join(''));
    const since = Date.parse('2026-01-01T01:00:00Z');
    const run = readAll(follow({ liveSince: since }));
    expect(run.tell().state).toBe('preparing');
    appendFileSync(file, logOf(10)[0]!.replace('2026-01-01T00', '2026-01-01T02'));
    expect(readAll(run).tell().state).toBe('training');
  });

  test('told in any pieces, while its log is cut off and goes on, is what its log holds', () => {
    const lines = logOf(400, 25).slice(0, -1);
    const pieces = fc.array(
      fc.record({ upTo: fc.nat(lines.length), bytes: fc.nat(200), isTold: fc.boolean() }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(pieces, (changes) => {
        writeFileSync(file, '');
        const run = follow();
        const page = new Store();
        let cursor: ReturnType<typeof follow>['cursor'] | undefined;
        const tell = () => {
          const update = readAll(run).since(cursor);
          cursor = run.cursor;
          if (update !== undefined) page.applyRun(structuredClone(update));
        };
        let nonce = 0;
        let written: string[] = [];
        for (const { upTo, bytes, isTold } of changes) {
          // A resume goes on from an earlier step, with lines of another time.
          const kept = written.slice(0, upTo);
          const time = `2026-01-0${1 + (++nonce % 9)}T${10 + nonce}`;
          written = [
            ...kept,
            ...lines.slice(kept.length, upTo).map((each) => each.replace('2026-01-01T00', time)),
          ];
          truncateSync(file, Buffer.byteLength(kept.join('')));
          appendFileSync(file, written.slice(kept.length).join(''));
          // A torn line at the end, which the next piece cuts off.
          appendFileSync(file, (lines[upTo] ?? '').slice(0, Math.min(bytes, 20)));
          if (isTold) tell();
        }
        tell();
        const whole = new Store();
        whole.applyRun(readAll(follow()).since(undefined) as RunUpdate);
        expect(page.data.get('a')).toEqual(whole.data.get('a'));
      }),
      { numRuns: 40 },
    );
  });

  test('can be looked at closer than it is kept', async () => {
    writeFileSync(file, logOf(5000, 500).join(''));
    const run = readAll(follow());
    const { series } = await readRange(file, run.offsetOf(3001), 3001, 3100, go);
    expect(series['step']!.first).toEqual(Array.from({ length: 100 }, (_, at) => 3001 + at));
    expect(series['step']!.count.every((count) => count === 1)).toBe(true);
    expect(series['evaluation:validation']).toBeUndefined();
  });

  test('tells all of one step, wherever it stands', async () => {
    writeFileSync(file, logOf(5000, 500).join(''));
    const run = readAll(follow());
    for (const step of [1, 2500, 4999]) {
      const { events } = await readStep(file, run.offsetOf(step), step, go);
      const types = events.map(({ type }) => type);
      const evaluated = [
        'step',
        'evaluation',
        'samples',
        'hardest',
        'confusion',
        'timeline',
        'resources',
        'checkpoint',
      ];
      expect(types).toEqual(step % 500 === 0 ? evaluated : ['step']);
      expect(events[0]).toMatchObject({ step, loss: 1 / step });
    }
  });
});
