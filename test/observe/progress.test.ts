import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Observer } from '../../src/observe/observer.js';
import { showFailures, showProgress } from '../../src/observe/progress.js';
import type { EvaluationEvent, TrainEvent } from '../../src/events.js';
import { startEvent, stepEvent } from './events.js';
import { FakeTerminal } from './terminal/fake-terminal.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const evaluation: EvaluationEvent = {
  type: 'evaluation',
  step: 40,
  split: 'validation',
  loss: 0.25,
  accuracy: 0.9,
  targets: 128,
  duration: 0.1,
  best: true,
};

/** A stream that keeps what is written. */
function terminal(isTTY: boolean) {
  const stream = Object.assign(new PassThrough(), { isTTY });
  const chunks: string[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
  return { stream, text: () => chunks.join('') };
}

describe('without a terminal', () => {
  function observe(events: [TrainEvent, number][]): string[] {
    const { stream, text } = terminal(false);
    const progress = showProgress(stream);
    for (const [event, milliseconds] of events) {
      vi.advanceTimersByTime(milliseconds);
      progress.observe(event);
    }
    progress.close();
    return text().trimEnd().split('\n');
  }

  test('a line every two seconds gives means, tokens per second and the time left', () => {
    const steps = Array.from({ length: 45 }, (_, index): [TrainEvent, number] => [
      stepEvent(index + 1, { loss: index < 20 ? 2 : 1 }),
      100,
    ]);
    const lines = observe([[startEvent(), 0], ...steps]).filter((line) => line.startsWith('Step'));
    expect(lines).toEqual([
      'Step 20/100, epoch 1/3: loss 2.0000, accuracy 75.0 %, 3,200 tokens/s, 8.0 s left',
      'Step 40/100, epoch 1/3: loss 1.0000, accuracy 75.0 %, 3,200 tokens/s, 6.0 s left',
      'Step 45/100, epoch 2/3: loss 1.0000, accuracy 75.0 %, 3,200 tokens/s, 5.5 s left',
    ]);
  });

  test('the start says what is computed, with what and why', () => {
    expect(observe([[startEvent({ fromStep: 30 }), 0]])).toEqual([
      'Run runs/tiny: classify, 1,234,567 parameters, 2 classes, vocabulary of 500',
      'Data: 1,280 rows with 12,800 tokens to train on, 128 rows to validate on',
      'Rows to train on by class: ham 1,000 (78.1 %), spam 280 (21.9 %)',
      'Computing with 2 workers on the wasm backend (no compiler), 3.0 MiB of shared memory and about 20.0 MiB for the threads',
      '100 steps, 40 an epoch, continued after step 30',
    ]);
  });

  test('evaluations, checkpoints, lost workers and notices are told at once', () => {
    const lines = observe([
      [evaluation, 0],
      [{ ...evaluation, best: false, perplexity: 1.284 }, 0],
      [{ ...evaluation, best: false, accuracy: undefined, mse: 0.0625, r2: 0.98765 }, 0],
      [{ type: 'checkpoint', step: 40, path: 'runs/tiny/c', bytes: 2048, duration: 0.25 }, 0],
      [{ type: 'worker', kind: 'died', reason: 'exit 1' }, 0],
      [{ type: 'notice', message: 'Stopping after this step' }, 0],
    ]);
    expect(lines).toEqual([
      'Evaluation after step 40: validation loss 0.2500, accuracy 90.0 % (best so far)',
      'Evaluation after step 40: validation loss 0.2500, accuracy 90.0 %, perplexity 1.284',
      'Evaluation after step 40: validation loss 0.2500, RMSE 0.25, R² 0.9877',
      'Checkpoint runs/tiny/c (2.0 KiB in 0.3 s)',
      'A worker died (exit 1); another one does its work again',
      'Stopping after this step',
    ]);
  });

  test('reading the data is told at most every two seconds, and its end always', () => {
    const prepare = {
      type: 'prepare',
      bytesTotal: 4096,
      rows: 9,
      tokens: 70,
      storeDir: 's',
    } as const;
    const lines = observe([
      [{ ...prepare, phase: 'vocabulary', bytesDone: 1024 }, 500],
      [{ ...prepare, phase: 'vocabulary', bytesDone: 2048 }, 1500],
      [{ ...prepare, phase: 'tokenize', bytesDone: 1024 }, 100],
      [{ ...prepare, phase: 'done', bytesDone: 4096 }, 100],
    ]);
    expect(lines).toEqual([
      'Building the vocabulary: 2.0 KiB (50.0 %), 9 rows',
      'Prepared the data in s: 9 rows, 70 tokens',
    ]);
  });

  test('reading the data is told with its speed and the time left, once they are known', () => {
    const prepare = {
      type: 'prepare',
      phase: 'tokenize',
      bytesTotal: 10e6,
      rows: 0,
      tokens: 0,
      storeDir: 's',
    } as const;
    // What is done when the phase begins was done by an earlier preparation.
    const lines = observe([
      [{ ...prepare, bytesDone: 0 }, 0],
      [{ ...prepare, bytesDone: 4e6 }, 100],
      [{ ...prepare, bytesDone: 6e6 }, 2000],
    ]);
    expect(lines).toEqual(['Turning text into tokens: 5.7 MiB (60.0 %), 1.0 MB/s, 4.0 s left']);
  });
});

describe('in a terminal', () => {
  const shown: Observer[] = [];
  afterEach(() => {
    for (const each of shown.splice(0)) each.close();
    expect(process.listenerCount('SIGCONT')).toBe(0);
  });

  function watch(columns?: number, options: Parameters<typeof showProgress>[1] = {}) {
    const terminal = new FakeTerminal(columns);
    const progress = showProgress(terminal, { env: {}, ...options });
    shown.push(progress);
    return { terminal, progress };
  }

  /** A run of 40 steps whose loss falls, with an evaluation and a checkpoint. */
  function train(progress: Observer): void {
    progress.observe(startEvent());
    for (let step = 1; step <= 40; step++) {
      vi.advanceTimersByTime(100);
      progress.observe(stepEvent(step, { loss: 2 / step }));
    }
    progress.observe(evaluation);
    progress.observe({ ...evaluation, step: 41, loss: 0.5, best: false });
    progress.observe({ type: 'checkpoint', step: 40, path: 'c', bytes: 2048, duration: 0.25 });
  }

  test('a few lines in their place show how it goes, and lines that matter stay above', () => {
    const { terminal, progress } = watch(100);
    train(progress);
    progress.observe({ type: 'notice', message: 'Stopping' });
    progress.observe({ type: 'end', reason: 'stopped', step: 40, duration: 4, checkpoint: 'c' });
    progress.close();
    expect(terminal.screen.slice(5)).toEqual([
      '100 steps, 40 an epoch',
      'Evaluation after step 40: validation loss 0.2500, accuracy 90.0 % (best so far)',
      'Evaluation after step 41: validation loss 0.5000, accuracy 90.0 %',
      'Stopping',
      '█████████░░░░░░░░░░░░░░░  40/100  epoch 1/3  6.0 s left',
      'train       loss 0.0500  accuracy 75.0 %  █▃▂▂▂▁▁▁▁▁▁▁▁▁',
      'validation  loss 0.5000  accuracy 90.0 %  ▁█',
      '3,200 tokens/s  best 0.2500 at 40  saved at 40',
    ]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('in 40 columns what matters most is there, and no line wraps', () => {
    const { terminal, progress } = watch(40);
    train(progress);
    progress.close();
    expect(terminal.screen.slice(-4)).toEqual([
      '███░░░░░░  40/100  6.0 s left',
      'train       loss 0.0500  █▃▂▁▁▁▁▁▁',
      'validation  loss 0.5000  ▁█',
      '3,200 tokens/s  best 0.2500 at 40',
    ]);
  });

  test('colours are few, and what is shown is the same without', () => {
    const coloured = watch(100);
    const plain = watch(100, { env: { NO_COLOR: '1' } });
    for (const { progress } of [coloured, plain]) train(progress);
    expect(plain.terminal.raw).not.toContain('\u001b[32m');
    expect(coloured.terminal.raw).toContain('\u001b[32m (best so far)\u001b[39m');
    expect(coloured.terminal.screen).toEqual(plain.terminal.screen);
  });

  test('the best evaluation is told by what evaluations are compared by', () => {
    const { terminal, progress } = watch(120, { bestBy: 'accuracy' });
    train(progress);
    expect(terminal.screen.at(-2)).toBe('validation  accuracy 90.0 %  loss 0.5000  ▁▁');
    expect(terminal.screen.at(-1)).toContain('best 90.0 % at 40');
  });

  test('a terminal that is dumb gets plain lines', () => {
    const { terminal, progress } = watch(100, { env: { TERM: 'dumb' } });
    train(progress);
    progress.close();
    expect(terminal.raw).not.toContain('\u001b');
    expect(terminal.raw).toContain('Step 20/100, epoch 1/3: ');
  });

  test('reading the data makes room for the training', () => {
    const { terminal, progress } = watch(80);
    vi.advanceTimersByTime(300);
    progress.observe({
      type: 'prepare',
      phase: 'tokenize',
      bytesDone: 512,
      bytesTotal: 1024,
      rows: 5,
      tokens: 50,
      storeDir: 's',
    });
    expect(terminal.screen).toEqual([
      '█████████░░░░░░░░░░  Turning text into tokens: 512 bytes (50.0 %), 5 rows',
    ]);
    progress.observe({
      ...{ type: 'prepare', phase: 'done', bytesDone: 1024, bytesTotal: 1024 },
      ...{ rows: 5, tokens: 50, storeDir: 's' },
    });
    expect(terminal.screen).toEqual(['Prepared the data in s: 5 rows, 50 tokens']);
    progress.observe(startEvent());
    progress.observe(stepEvent(1));
    progress.close();
    expect(terminal.screen.join('\n')).toContain('1/100');
  });

  test('lines of what a shell has written meanwhile are left alone', () => {
    const { terminal, progress } = watch(80);
    train(progress);
    terminal.write('$ fg\n');
    process.emit('SIGCONT', 'SIGCONT');
    progress.observe({ type: 'notice', message: 'going on' });
    progress.close();
    expect(terminal.screen).toContain('$ fg');
  });
});

test('those who want no progress hear of what failed', () => {
  const { stream, text } = terminal(false);
  const failures = showFailures(stream);
  failures.observe(startEvent());
  failures.observe(stepEvent(1));
  failures.observe(evaluation);
  failures.observe({ type: 'checkpoint-failed', step: 40, reason: 'no space left on device' });
  expect(text()).toMatch(/^The checkpoint after step 40 could not be written: no space.*\n$/);
});
