import * as nodeFs from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../errors.js';
import { checkpointName } from '../checkpoint/checkpoint-names.js';
import { RunDirectory } from './run-directory.js';
import {
  readState,
  STATE_FILE,
  verifyCheckpoint,
  type BestResult,
  type RunState,
} from '../checkpoint/run-state.js';

/**
 * Finds a checkpoint: `run` is the directory of a run, or of one of its checkpoints.
 *
 * @param which `best`, `latest` or the name of a checkpoint
 * @param usual what is meant of a run where nothing is asked for: the best, or else the latest
 * @returns with how the best one was chosen, where that is the one
 * @throws UserError when there is none, when `run` is a checkpoint and another one is asked for, or one without a run
 */
export async function findCheckpoint(
  run: string,
  which?: string,
  usual: 'best' | 'latest' = 'best',
): Promise<{ run: RunDirectory; checkpoint: string; best?: BestResult }> {
  const what = await nodeFs.stat(run).catch(() => undefined);
  if (what !== undefined && !what.isDirectory()) {
    throw new UserError(
      `${run}: expected the directory of a run or of a checkpoint, got a file that is no directory`,
    );
  }
  if (await exists(path.join(run, STATE_FILE))) {
    const name = path.basename(path.resolve(run));
    if (which !== undefined && which !== name) {
      throw new UserError(
        `${run} is the checkpoint ${name}, but ${which} is asked for: name the run's directory, or leave out --checkpoint`,
      );
    }
    return { run: await findRunOf(run), checkpoint: run };
  }
  const directory = new RunDirectory(run);
  const names = await directory.listCheckpoints();
  if (names.length === 0) {
    throw new UserError(
      `${run}: expected the directory of a run or of a checkpoint, found no checkpoint`,
    );
  }
  const { name, best } = await resolveName(directory, names, which ?? usual);
  if (!names.includes(name)) {
    throw new UserError(
      `${run}: there is no checkpoint ${name}: expected one of ${names.join(', ')}`,
    );
  }
  const checkpoint = path.join(directory.checkpoints, name);
  return { run: directory, checkpoint, ...(best && { best }) };
}

/** The run of a checkpoint that is named by its directory, or by a link to it. */
async function findRunOf(checkpoint: string): Promise<RunDirectory> {
  for (const place of [path.resolve(checkpoint), await nodeFs.realpath(checkpoint)]) {
    const run = new RunDirectory(path.dirname(path.dirname(place)));
    if (run.checkpoints === path.dirname(place)) return run;
  }
  throw new UserError(
    `${checkpoint}: a checkpoint alone cannot be used: expected it below the run's directory, in checkpoints/, ` +
      'with the config.yaml and vocabulary.json of the run that it was trained in',
  );
}

/**
 * The files `best` and `latest` are for people: they have no checksum, and after a kill they may be one checkpoint
 * behind. What they say is believed only where the checkpoints' own states say nothing else.
 */
async function resolveName(
  directory: RunDirectory,
  names: readonly string[],
  which: string,
): Promise<{ name: string; best?: BestResult }> {
  if (which !== 'best' && which !== 'latest') return { name: which };
  const latest = await findLatest(directory, names);
  if (which === 'latest') return { name: latest };
  const pointer = await directory.readPointer('best');
  let state: RunState;
  try {
    state = await readState(path.join(directory.checkpoints, latest));
  } catch (error) {
    if (!(error instanceof UserError) || pointer === undefined) throw error;
    return { name: pointer };
  }
  const { best } = state.validation;
  if (best === undefined) return { name: latest };
  const name = checkpointName(best.step);
  // The disk may have had no room for the best, so that one before it is the best there is.
  return names.includes(name) ? { name, best } : { name: pointer ?? name };
}

/** The newest checkpoint; a damaged one only where it is meant, and not left behind by a run that went on from before. */
async function findLatest(directory: RunDirectory, names: readonly string[]): Promise<string> {
  const newest = names.at(-1)!;
  const pointer = (await directory.readPointer('latest')) ?? newest;
  for (const name of names.toReversed()) {
    if (name === pointer) return name;
    try {
      await verifyCheckpoint(path.join(directory.checkpoints, name));
      return name;
    } catch (error) {
      if (!(error instanceof UserError) || !names.includes(pointer)) throw error;
    }
  }
  return newest;
}

async function exists(file: string): Promise<boolean> {
  try {
    await nodeFs.access(file);
    return true;
  } catch {
    // Whatever the reason, it cannot be used as a checkpoint: the caller looks elsewhere.
    return false;
  }
}
