import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/load.js';
import { compareTrees, readTree } from '../e2e/tree.js';
import type { EndEvent, TrainEvent } from '../../src/events.js';
import { train, type TrainOptions } from '../../src/train/run.js';

/** Whole runs of some steps in this process, with faults of the test's choice. */

export interface SmallRun {
  /** The run's end, or the sentence that it ended with. */
  end: EndEvent | undefined;
  error: unknown;
  events: TrainEvent[];
}

export interface SmallRunOptions extends Partial<TrainOptions> {
  runDir: string;
  set?: string[];
}

/** Trains with a config of `makeWorkplace` in `cwd`; 40 steps of one worker if nothing else is said: threads take longer to start than to compute them. */
export async function trainSmall(
  cwd: string,
  name: 'classifier' | 'language-model',
  { set = [], listener, ...options }: SmallRunOptions,
): Promise<SmallRun> {
  const source = name === 'classifier' ? 'colours.csv' : 'colours.txt';
  const config = await loadConfig(join(cwd, `${name}.yaml`), [
    `data.train=${join(cwd, source)}`,
    `data.storeDir=${join(cwd, 'stores')}`,
    ...['workers=1', 'train.maxSteps=40', 'train.checkpoint.everySteps=10', ...set],
  ]);
  const events: TrainEvent[] = [];
  const hear = (event: TrainEvent): void => {
    events.push(event);
    listener?.(event);
  };
  const before = readTree(cwd);
  try {
    const end = await train(config, { resume: false, ...options, listener: hear });
    return { end, error: undefined, events };
  } catch (error) {
    // Refused before the first step, it must have changed nothing.
    if (!events.some(({ type }) => type === 'start')) {
      const changed = compareTrees(before, readTree(cwd));
      if (changed.length > 0) {
        throw new Error(`refused, and changed ${changed.join(', ')}`, { cause: error });
      }
    }
    return { end: undefined, error, events };
  }
}

/** The tensors that a run has ended with. */
export function readResult(runDir: string): { name: string; model: Buffer; optimizer: Buffer } {
  const name = readFileSync(join(runDir, 'latest'), 'utf8').trim();
  const read = (file: string) =>
    readFileSync(join(runDir, 'checkpoints', name, `${file}.safetensors`));
  return { name, model: read('model'), optimizer: read('optimizer') };
}

export function noticesOf({ events }: SmallRun): string[] {
  return events.flatMap((event) => (event.type === 'notice' ? [event.message] : []));
}
