import * as nodeFs from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../errors.js';
import { RunDirectory } from './run-directory.js';
import { STATE_FILE } from './run-state.js';

/**
 * Finds a checkpoint: `run` is the directory of a run, or of one of its checkpoints.
 *
 * @param which `best`, `latest` or the name of a checkpoint; by default the best, or else the latest
 * @throws UserError when there is none
 */
export async function findCheckpoint(
  run: string,
  which?: string,
): Promise<{ run: RunDirectory; checkpoint: string }> {
  if (await exists(path.join(run, STATE_FILE))) {
    return {
      run: new RunDirectory(path.dirname(path.dirname(path.resolve(run)))),
      checkpoint: run,
    };
  }
  const directory = new RunDirectory(run);
  const names = await directory.listCheckpoints();
  if (names.length === 0) {
    throw new UserError(
      `${run}: expected the directory of a run or of a checkpoint, found no checkpoint`,
    );
  }
  const pointer = which === undefined ? 'best' : which;
  const name =
    pointer === 'best' || pointer === 'latest'
      ? ((await directory.readPointer(pointer)) ?? names.at(-1)!)
      : pointer;
  if (!names.includes(name)) {
    throw new UserError(
      `${run}: there is no checkpoint ${name}: expected one of ${names.join(', ')}`,
    );
  }
  return { run: directory, checkpoint: path.join(directory.checkpoints, name) };
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
