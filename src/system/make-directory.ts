import { rmdirSync } from 'node:fs';
import * as nodeFs from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../errors.js';

/**
 * Makes a directory, and those above it that are missing. Node's own recursive mkdir tries for ever where a directory
 * is there and yet takes no other (/proc): here each one is tried twice at most.
 *
 * @returns the directories made, the topmost first
 * @throws UserError when something else has the name; else the file system's error
 */
export async function makeDirectory(
  directory: string,
  fs: Pick<typeof nodeFs, 'mkdir'> = nodeFs,
): Promise<string[]> {
  const above: string[] = [];
  try {
    await fs.mkdir(directory);
  } catch (error) {
    const parent = path.dirname(directory);
    if (await isDirectory(directory)) return [];
    if (codeOf(error) === 'EEXIST') {
      throw new UserError(`${directory}: expected a directory, found something else of that name`);
    }
    if (codeOf(error) !== 'ENOENT' || parent === directory) throw error;
    above.push(...(await makeDirectory(parent, fs)));
    try {
      await fs.mkdir(directory);
    } catch (again) {
      // Somebody else was faster.
      if (codeOf(again) !== 'EEXIST' || !(await isDirectory(directory))) throw again;
      return above;
    }
  }
  return [...above, directory];
}

/** Removes directories that `makeDirectory` made, as far as nothing lies in them; the deepest goes first. */
export function unmakeDirectories(made: readonly string[]): void {
  for (const directory of made.toReversed()) {
    try {
      rmdirSync(directory);
    } catch {
      // Something lies in it, or somebody else has removed it: either way it is no longer ours to remove.
      return;
    }
  }
}

async function isDirectory(place: string): Promise<boolean> {
  try {
    return (await nodeFs.stat(place)).isDirectory();
  } catch {
    // What cannot be looked at is told by the error of making it.
    return false;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
