import { lstatSync, rmdirSync, type BigIntStats } from 'node:fs';
import * as nodeFs from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../errors.js';

/** A directory that was made here: by its identity it is told from another that has come to stand in its place. */
export interface MadeDirectory {
  /** Absolute: where this process stands may change. */
  readonly path: string;
  /** Undefined where it had gone again at once. */
  readonly identity: Identity | undefined;
}

type Identity = Pick<BigIntStats, 'dev' | 'ino' | 'birthtimeNs'>;

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
): Promise<MadeDirectory[]> {
  // Now: where this process stands may change while the disk is asked.
  const place = path.resolve(directory);
  const above: MadeDirectory[] = [];
  try {
    await fs.mkdir(place);
  } catch (error) {
    const parent = path.dirname(place);
    if (await isDirectory(place)) return [];
    if (codeOf(error) === 'EEXIST') {
      throw new UserError(`${directory}: expected a directory, found something else of that name`);
    }
    if (codeOf(error) !== 'ENOENT' || parent === place) throw error;
    above.push(...(await makeDirectory(parent, fs)));
    try {
      await fs.mkdir(place);
    } catch (again) {
      // Somebody else was faster.
      if (codeOf(again) !== 'EEXIST' || !(await isDirectory(place))) throw again;
      return above;
    }
  }
  return [...above, { path: place, identity: identityOf(place) }];
}

/** Removes directories that `makeDirectory` made, as far as they are still there and nothing lies in them; the deepest goes first. */
export function unmakeDirectories(made: readonly MadeDirectory[]): void {
  for (const { path: directory, identity } of made.toReversed()) {
    const now = identityOf(directory);
    // Moved away, or replaced by somebody's own: neither is ours to remove.
    if (identity === undefined || now === undefined || !isSame(now, identity)) return;
    try {
      rmdirSync(directory);
    } catch {
      // Something lies in it, or somebody else has removed it: either way it is no longer ours to remove.
      return;
    }
  }
}

function identityOf(directory: string): Identity | undefined {
  return lstatSync(directory, { bigint: true, throwIfNoEntry: false });
}

/** The number of one that was removed may be given to the next one made: then the time of its making tells. */
function isSame(one: Identity, other: Identity): boolean {
  return one.dev === other.dev && one.ino === other.ino && one.birthtimeNs === other.birthtimeNs;
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
