import * as nodeFs from 'node:fs';
import { appendFile, mkdtemp, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { UserError } from '../../src/errors.js';
import { type LogFileSystem, logMetrics } from '../../src/observe/metrics-log.js';
import type { TrainEvent } from '../../src/events.js';
import { startEvent, stepEvent } from './events.js';

let runDir: string;
beforeEach(async () => {
  runDir = await mkdtemp(join(tmpdir(), 'lockstep-log-'));
});
afterEach(() => rm(runDir, { recursive: true }));

const silent = (): void => undefined;
const path = () => join(runDir, 'metrics.jsonl');

function run(fromStep: number, steps: number[], before: TrainEvent[] = []): void {
  const log = logMetrics(silent);
  before.forEach(log.observe);
  log.observe(startEvent({ runDir, fromStep }));
  for (const step of steps) log.observe(stepEvent(step));
  log.close();
}

async function readLines(): Promise<Record<string, unknown>[]> {
  const text = await readFile(path(), 'utf8');
  expect(text.endsWith('\n')).toBe(true);
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function readSteps(): Promise<unknown[]> {
  return (await readLines()).filter(({ type }) => type === 'step').map(({ step }) => step);
}

describe('metrics.jsonl', () => {
  test('holds one object an event, with the time', async () => {
    run(0, [1, 2]);
    const lines = await readLines();
    expect(lines.map(({ type }) => type)).toEqual(['start', 'step', 'step']);
    expect(lines[1]).toMatchObject({ step: 1, loss: 1, phases: { update: 0.005 } });
    for (const { time } of lines) {
      expect(new Date(time as string).toISOString()).toBe(time);
    }
  });

  test('has every line on disk as soon as the event is over', async () => {
    const log = logMetrics(silent);
    log.observe(startEvent({ runDir }));
    log.observe(stepEvent(1));
    expect(await readSteps()).toEqual([1]);
    log.close();
  });

  test('tells what came before the start, and of reading the data only the end', async () => {
    const prepare = { bytesDone: 1, bytesTotal: 2, rows: 3, tokens: 4, storeDir: 's' };
    run(
      0,
      [],
      [
        { type: 'prepare', phase: 'tokenize', ...prepare },
        { type: 'prepare', phase: 'done', ...prepare },
        { type: 'notice', message: 'hello' },
      ],
    );
    expect((await readLines()).map(({ type }) => type)).toEqual(['prepare', 'notice', 'start']);
  });

  test('nothing is touched before the start', async () => {
    await writeFile(path(), 'of another run\n');
    const log = logMetrics(silent);
    log.observe({ type: 'notice', message: 'hello' });
    log.close();
    expect(await readFile(path(), 'utf8')).toBe('of another run\n');
  });

  test('writes a loss that is no number as null', async () => {
    const log = logMetrics(silent);
    log.observe(startEvent({ runDir }));
    log.observe(stepEvent(1, { loss: NaN }));
    log.close();
    expect((await readLines())[1]).toMatchObject({ loss: null });
  });
});

describe('after a resume', () => {
  test('no step stands twice and none is missing', async () => {
    run(0, [1, 2, 3, 4, 5]);
    run(3, [4, 5, 6]);
    expect(await readSteps()).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('also when the file is larger than what is read at once', async () => {
    const steps = Array.from({ length: 3000 }, (_, index) => index + 1);
    run(0, steps);
    run(2500, steps.slice(2500));
    expect(await readSteps()).toEqual(steps);
  });

  test('from any step, whatever stands between the steps and however late checkpoints are told', async () => {
    const last = 40;
    for (let fromStep = 0; fromStep <= last; fromStep++) {
      await rm(path(), { force: true });
      const log = logMetrics(silent);
      log.observe(startEvent({ runDir, fromStep: 0 }));
      for (let step = 1; step <= last; step++) {
        log.observe(stepEvent(step));
        if (step % 7 === 0) log.observe({ type: 'notice', message: 'x'.repeat(50 * step) });
        // Resumed, with the best step of long ago.
        if (step % 9 === 0) {
          const best = { step: 1, by: 'loss', loss: 1 } as const;
          log.observe(startEvent({ runDir, fromStep: step, best }));
        }
        // Written while steps go on.
        if (step % 10 === 2) {
          log.observe({ type: 'checkpoint', step: step - 2, path: 'c', bytes: 1, duration: 1 });
        }
      }
      log.close();
      run(fromStep, [fromStep + 1]);
      const steps = Array.from({ length: fromStep + 1 }, (_, index) => index + 1);
      expect(await readSteps()).toEqual(steps);
    }
  });

  test('from the very beginning, what went before is gone', async () => {
    run(0, [1, 2]);
    run(0, [1]);
    expect(await readSteps()).toEqual([1]);
  });

  test('a line that a kill has torn is cut off', async () => {
    run(0, [1, 2]);
    await appendFile(path(), '{"time":"2024-01-01T00:00:00.000Z","type":"st');
    run(2, [3]);
    expect(await readSteps()).toEqual([1, 2, 3]);
  });
});

describe('a disk that is full', () => {
  /** Takes no more bytes than `room` says, half a line at a time near the end. */
  function limitedDisk(room: { bytes: number }): LogFileSystem {
    return {
      ...nodeFs,
      writeSync: ((file: number, bytes: Buffer, offset: number, length: number) => {
        if (room.bytes === 0) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
        const taken = Math.min(length, room.bytes);
        room.bytes -= taken;
        return nodeFs.writeSync(file, bytes, offset, taken);
      }) as typeof nodeFs.writeSync,
    };
  }

  test('costs lines, one notice, and not the run', async () => {
    const said: string[] = [];
    const room = { bytes: 1000 };
    const log = logMetrics((message) => said.push(message), limitedDisk(room));
    log.observe(startEvent({ runDir }));
    for (let step = 1; step <= 10; step++) log.observe(stepEvent(step));
    expect(said).toEqual([
      `${path()}: cannot be written: no space left on device (ENOSPC); ` +
        'the run goes on, but events are missing there.',
    ]);
    // Somebody has made room: the line that was torn does not spoil the next one.
    room.bytes = 1e6;
    log.observe(stepEvent(11));
    log.close();
    const steps = await readSteps();
    expect(steps.length).toBeLessThan(10);
    expect(steps).toEqual([...Array.from({ length: steps.length - 1 }, (_, i) => i + 1), 11]);
    expect(said).toHaveLength(1);
    // Also where lines are missing the place to go on from is found.
    run(5, [6]);
    expect(await readSteps()).toEqual([...steps.slice(0, -1).filter((s) => Number(s) <= 5), 6]);
  });

  test('that is noticed only when the file is closed is told, too', () => {
    const said: string[] = [];
    const closeSync = (file: number): void => {
      nodeFs.closeSync(file);
      throw Object.assign(new Error('over quota'), { code: 'EDQUOT' });
    };
    const log = logMetrics((message) => said.push(message), { ...nodeFs, closeSync });
    log.observe(startEvent({ runDir }));
    log.close();
    expect(said).toHaveLength(1);
  });
});

describe('a log that is taken away under a run', () => {
  const sentence = () =>
    `${path()} was removed or moved away while the run goes on: what follows is in a new file there.`;

  /** Logs steps 1 and 2, lets `disturb` happen, and logs 3 and 4. */
  async function logAround(disturb: () => Promise<void>): Promise<string[]> {
    const said: string[] = [];
    const log = logMetrics((message) => said.push(message));
    log.observe(startEvent({ runDir }));
    for (const step of [1, 2]) log.observe(stepEvent(step));
    await disturb();
    for (const step of [3, 4]) log.observe(stepEvent(step));
    log.close();
    return said;
  }

  test('removed: goes on in a new file that says so, and one notice', async () => {
    expect(await logAround(() => rm(path()))).toEqual([sentence()]);
    expect((await readLines())[0]).toMatchObject({ type: 'notice', message: sentence() });
    expect(await readSteps()).toEqual([3, 4]);
    run(3, [4, 5]);
    expect(await readSteps()).toEqual([3, 4, 5]);
  });

  test('rotated: the former keeps its lines, a file that lies there already keeps its own', async () => {
    const former = join(runDir, 'metrics.jsonl.1');
    const said = await logAround(async () => {
      await rename(path(), former);
      await writeFile(path(), '{"of":"others"}');
    });
    expect(said).toEqual([sentence()]);
    expect((await readLines()).map(({ type, of }) => of ?? type)).toEqual([
      ...['others', 'notice', 'step', 'step'],
    ]);
    expect(await readFile(former, 'utf8')).toMatch(/"step":2,.*\n$/);
  });

  test('emptied in its place: later lines begin on a line of their own', async () => {
    expect(await logAround(() => truncate(path(), 0))).toEqual([]);
    expect(await readSteps()).toEqual([3, 4]);
  });

  test('added to by others: later lines begin on a line of their own', async () => {
    expect(await logAround(() => appendFile(path(), '{"of":"others"}'))).toEqual([]);
    expect(await readSteps()).toEqual([1, 2, 3, 4]);
  });

  test('with its directory: nothing is made, and the run is left to say it', async () => {
    const moved = `${runDir}-moved`;
    try {
      expect(await logAround(() => rename(runDir, moved))).toEqual([]);
      expect(nodeFs.existsSync(runDir)).toBe(false);
      expect(await readFile(join(moved, 'metrics.jsonl'), 'utf8')).toContain('"step":4,');
    } finally {
      await rename(moved, runDir);
    }
  });

  test('and whose name another one cannot have: one notice, and the run goes on', async () => {
    const said = await logAround(async () => {
      await rm(path());
      nodeFs.mkdirSync(path());
    });
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(/metrics\.jsonl: cannot be written: .*; the run goes on/);
  });
});

test('a folder that does not exist is refused with the path', () => {
  const log = logMetrics(silent);
  expect(() => log.observe(startEvent({ runDir: join(runDir, 'none') }))).toThrow(
    new UserError(
      `${join(runDir, 'none', 'metrics.jsonl')}: cannot be opened for writing (ENOENT)`,
    ),
  );
});
