import { stat } from 'node:fs/promises';
import path from 'node:path';
import { findCheckpoint } from '../run/find-checkpoint.js';
import type { TrainedModel } from '../train/trained-model.js';

/** Where models come from. */
export interface ModelSource {
  /** The directory of a run, or of a checkpoint. */
  readonly run: string;
  /** `best`, `latest` or a name; the best where absent. */
  readonly checkpoint?: string;
  /** Opens one that can answer at once. */
  readonly open: () => Promise<TrainedModel>;
}

/** What is done with what has been found. */
export interface Reloading {
  /** The checkpoint that answers. */
  readonly present: () => string;
  /** Has another model answer. @throws UserError for one that cannot take the place */
  readonly replace: (model: TrainedModel) => void;
  /** Hears why another one could not; the one before goes on. */
  readonly fail: (error: unknown) => void;
}

/** How often a run is looked at. */
const INTERVAL_MS = 1000;

/**
 * Looks whether a run has another checkpoint that is to answer, the best one or the latest, and opens it when it has. A checkpoint that cannot be
 * opened is told of once; the next one is tried again.
 *
 * @returns ends this; resolves when nothing is under way any more
 */
export function watchCheckpoints(
  { run, checkpoint, open }: ModelSource,
  { present, replace, fail }: Reloading,
  intervalMs = INTERVAL_MS,
): () => Promise<void> {
  const ending = new AbortController();
  let seen = '';
  let failed = '';
  let running = Promise.resolve();
  const look = async (): Promise<void> => {
    const state = await describeState(run);
    if (state === seen) return;
    seen = state;
    let name = 'the checkpoint';
    try {
      const found = await findCheckpoint(run, checkpoint);
      name = path.resolve(found.checkpoint);
      if (ending.signal.aborted || name === path.resolve(present())) return;
      const model = await open();
      try {
        ending.signal.throwIfAborted();
        replace(model);
      } catch (error) {
        await model.close();
        throw error;
      }
    } catch (error) {
      // Looked at again when the run changes.
      if (ending.signal.aborted || failed === name) return;
      failed = name;
      fail(error);
    }
  };
  const timer = setInterval(() => {
    running = running.then(look).catch(fail);
  }, intervalMs);
  return async () => {
    ending.abort();
    clearInterval(timer);
    await running;
  };
}

/** Changes when a checkpoint is written, removed or pointed to: looked at often, it is cheap. */
async function describeState(run: string): Promise<string> {
  const times = ['best', 'latest', 'checkpoints'].map(async (name) => {
    const found = await stat(path.join(run, name), { bigint: true }).catch(() => undefined);
    return String(found?.mtimeNs ?? 0n);
  });
  return (await Promise.all(times)).join();
}
