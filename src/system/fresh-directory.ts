import { randomBytes } from 'node:crypto';
import * as nodeFs from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../errors.js';
import { explainDisk } from './disk.js';
import { makeDirectory } from './make-directory.js';

/** Directories that come into being whole, or not at all. */

/**
 * @param isOwn says which directories with something in them may be replaced, by the names in them; none where absent
 * @returns whether there is such a one
 * @throws UserError where something else is in the way
 */
export async function expectVacant(
  out: string,
  isOwn: (names: readonly string[]) => boolean = () => false,
): Promise<boolean> {
  // Not what a link leads to: nothing can be moved into the place of a link.
  const what = await nodeFs.lstat(out.replace(/(?<=.)[/\\]+$/, '')).catch(() => undefined);
  if (what === undefined) return false;
  if (what.isSymbolicLink()) {
    throw new UserError(`${out} is a link: expected a new directory, or one that is empty`);
  }
  const names = what.isDirectory() ? await nodeFs.readdir(out) : undefined;
  const isReplaced = names !== undefined && names.length > 0 && isOwn(names);
  if (names?.length === 0 || isReplaced) {
    // What is moved into its place is another directory: whoever stands in this one would stand nowhere.
    if (path.resolve(out) !== process.cwd()) return isReplaced;
    throw new UserError(`${out} is the directory that this is started in: expected another`);
  }
  throw new UserError(`${out} is there: expected a new directory, or one that is empty`);
}

/**
 * Has a directory made beside its place, and moves it there when it is whole.
 *
 * @param write fills it
 * @param isOwn see `expectVacant`
 * @throws UserError where something is in the way or the disk fails; then all is as it was
 */
export async function writeDirectory(
  out: string,
  write: (partial: string) => Promise<void>,
  isOwn?: (names: readonly string[]) => boolean,
): Promise<void> {
  // A path that ends in a slash has no other beside it. Another one may be on its way to the same place.
  const place = path.resolve(out);
  const suffix = randomBytes(4).toString('hex');
  const partial = `${place}.${suffix}.partial`;
  await explainDisk(`${out}: cannot be written`, async () => {
    await makeDirectory(path.dirname(place));
    await nodeFs.mkdir(partial);
    try {
      await write(partial);
      // Something may have come into being meanwhile.
      if (await expectVacant(out, isOwn))
        await replace(place, partial, `${place}.${suffix}.former`);
      else await nodeFs.rename(partial, place);
    } catch (error) {
      await nodeFs.rm(partial, { recursive: true, force: true });
      throw error;
    }
  });
}

/** There is the one or the other at any time, but for the moment between two renames. */
async function replace(place: string, partial: string, former: string): Promise<void> {
  await nodeFs.rename(place, former);
  try {
    await nodeFs.rename(partial, place);
  } catch (error) {
    await nodeFs.rename(former, place);
    throw error;
  }
  await nodeFs.rm(former, { recursive: true, force: true });
}
