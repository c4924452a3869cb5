import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { EventBuffer } from '../../src/train/event-stream.js';
import {
  type ConfigInput,
  train,
  trainEvents,
  type TrainEvent,
  UserError,
} from '../../src/index.js';
import { stepEvent } from '../observe/events.js';
import { makeWorkplace } from '../e2e/corpus.js';
import { collect } from '../data/scratch.js';

const cwd = makeWorkplace();
const config: ConfigInput = {
  task: 'classify',
  data: { train: join(cwd, 'colours.csv'), storeDir: join(cwd, 'stores') },
  model: { embedding: 4, layers: [{ hiddenSize: 4 }] },
  train: { batchSize: 8, maxSteps: 30, epochs: 100 },
  workers: 1,
};
const typesOf = (events: readonly TrainEvent[]) => events.map(({ type }) => type);

describe('trainEvents', () => {
  it('gives the events that a listener hears, in their order, up to the end', async () => {
    const heard: TrainEvent[] = [];
    const events = await collect(
      trainEvents(config, { runDir: join(cwd, 'all'), listener: (event) => heard.push(event) }),
    );
    expect(events).toEqual(heard);
    expect(events.at(-1)).toMatchObject({ type: 'end', reason: 'finished', step: 30 });
  });

  it('stops the run when its reader leaves, with a checkpoint to go on from', async () => {
    const runDir = join(cwd, 'left');
    for await (const event of trainEvents(config, { runDir })) {
      if (event.type === 'step' && event.step === 5) break;
    }
    const events = await collect(trainEvents(config, { runDir, resume: true }));
    const start = events.find(({ type }) => type === 'start');
    expect(start).toMatchObject({ type: 'start' });
    expect(start!.type === 'start' && start.fromStep).toBeGreaterThanOrEqual(5);
    expect(start!.type === 'start' && start.fromStep).toBeLessThan(30);
  });

  it('stops when its signal aborts, as a run by train does', async () => {
    const abort = new AbortController();
    const events: TrainEvent[] = [];
    const runDir = join(cwd, 'aborted');
    for await (const event of trainEvents(config, { runDir, signal: abort.signal })) {
      events.push(event);
      if (event.type === 'step') abort.abort();
    }
    expect(events.at(-1)).toMatchObject({ type: 'end', reason: 'stopped' });
    expect(typesOf(events)).toContain('checkpoint');
    const end = await train(config, { runDir, resume: true });
    expect(end.step).toBe(30);
  });

  it('throws what train throws, and what the listener throws', async () => {
    const absent = { ...config, data: { train: join(cwd, 'absent.csv') } };
    const reading = collect(trainEvents(absent, { runDir: join(cwd, 'absent') }));
    await expect(reading).rejects.toThrow(UserError);
    const listener = (): void => {
      throw new Error('no more');
    };
    await expect(
      collect(trainEvents(config, { runDir: join(cwd, 'thrown'), listener })),
    ).rejects.toThrow('no more');
  });

  it('is held up by no reader: the training ends while one has hardly begun', async () => {
    const heard: string[] = [];
    const listener = ({ type }: TrainEvent): void => {
      heard.push(type);
    };
    const events = trainEvents(config, { runDir: join(cwd, 'slow'), listener });
    await events.next();
    while (!heard.includes('end')) await sleep(5);
    expect((await collect(events)).at(-1)!.type).toBe('end');
  });
});

describe('a run that is stopped while its data is prepared', () => {
  const rows = Array.from({ length: 3000 }, (_, i) => `some words ${i % 97},${i % 2 ? 'a' : 'b'}`);
  const csv = join(cwd, 'many.csv');
  writeFileSync(csv, `text,label\n${rows.join('\n')}\n`);
  const preparing = (name: string): ConfigInput => ({
    ...config,
    data: { train: csv, storeDir: join(cwd, `stores of ${name}`) },
  });
  /** Stops when preparing has come to a phase. */
  const at = (phase: string, stop: () => void) => (event: TrainEvent) =>
    event.type === 'prepare' && event.phase === phase ? stop() : undefined;
  const weights = (end: { checkpoint: string }) =>
    readFileSync(join(end.checkpoint, 'model.safetensors'));

  it.each(['tokenize', 'write'])(
    'ends at once in the phase "%s", has written nothing, and goes on when it is called again',
    async (phase) => {
      const runDir = join(cwd, `stopped at ${phase}`);
      const abort = new AbortController();
      const reason = new Error('enough');
      const heard: TrainEvent[] = [];
      const stop = at(phase, () => abort.abort(reason));
      const listener = (event: TrainEvent): void => {
        heard.push(event);
        stop(event);
      };
      const stopped = train(preparing(phase), { runDir, signal: abort.signal, listener });
      await expect(stopped).rejects.toBe(reason);
      expect(new Set(typesOf(heard))).toEqual(new Set(['prepare']));
      expect(heard.at(-1)).toMatchObject({ phase });
      expect(existsSync(runDir)).toBe(false);
      const end = await train(preparing(phase), { runDir });
      expect(end).toMatchObject({ reason: 'finished', step: 30 });
      const undisturbed = await train(preparing('none'), { runDir: `${runDir}, not` });
      expect(weights(end)).toEqual(weights(undisturbed));
    },
  );

  it('may be stopped by whatever has aborted, which need not be an AbortSignal', async () => {
    const signal = { aborted: false };
    const listener = at('tokenize', () => (signal.aborted = true));
    const runDir = join(cwd, 'stopped by an object');
    const stopped = train(preparing('object'), { runDir, signal, listener });
    await expect(stopped).rejects.toMatchObject({ name: 'AbortError' });
    expect(existsSync(runDir)).toBe(false);
    const read = collect(trainEvents(preparing('object'), { runDir, signal }));
    await expect(read).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('has its reader be refused where a signal has stopped it, not where the reader has left', async () => {
    const runDir = join(cwd, 'stopped reading');
    for await (const event of trainEvents(preparing('left'), { runDir })) {
      if (event.type === 'prepare' && event.phase === 'tokenize') break;
      expect(event.type).toBe('prepare');
    }
    expect(existsSync(runDir)).toBe(false);
    const abort = new AbortController();
    const stop = at('tokenize', () => abort.abort('enough'));
    const reading = async (): Promise<void> => {
      const options = { runDir, signal: abort.signal };
      for await (const event of trainEvents(preparing('read'), options)) stop(event);
    };
    await expect(reading()).rejects.toBe('enough');
  });
});

describe('events that wait', () => {
  it('are no more than there is room for: the oldest steps are left out', async () => {
    const buffer = new EventBuffer(10);
    buffer.add({ type: 'notice', message: 'first' });
    for (let step = 1; step <= 1000; step++) buffer.add(stepEvent(step));
    buffer.add({ type: 'notice', message: 'last' });
    buffer.end();
    const events: TrainEvent[] = [];
    for (let event = await buffer.next(); event; event = await buffer.next()) events.push(event);
    expect(events.length).toBeLessThanOrEqual(10);
    expect(events[0]).toEqual({ type: 'notice', message: 'first' });
    expect(events.at(-2)).toEqual(stepEvent(1000));
    expect(events.at(-1)).toEqual({ type: 'notice', message: 'last' });
  });

  it('are no more than that, either, where none is a step', async () => {
    const buffer = new EventBuffer(3);
    for (let i = 0; i < 10; i++) buffer.add({ type: 'notice', message: `${i}` });
    buffer.end();
    const told: unknown[] = [];
    for (let event = await buffer.next(); event; event = await buffer.next()) told.push(event);
    expect(told).toEqual(['7', '8', '9'].map((message) => ({ type: 'notice', message })));
  });
});
