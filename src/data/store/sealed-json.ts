import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { z } from 'zod';
import { errorCode } from '../../system/error-code.js';

/** JSON files that say of themselves whether they are whole: the last key is a digest of all others. */

/** What is written for a value, which has no key `digest` of its own. */
export function seal(value: object): string {
  return `${JSON.stringify({ ...value, digest: digestOf(value) }, undefined, 1)}\n`;
}

/** The value that a text was made of; undefined for any other text. */
export function unseal(text: string): unknown {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  if (typeof parsed !== 'object' || parsed === null || !('digest' in parsed)) return undefined;
  const { digest, ...value } = parsed;
  return digest === digestOf(value) ? value : undefined;
}

function digestOf(value: object): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

/** Writes a sealed file that lasts through a power cut and is never seen half written. */
export async function writeSealed(path: string, value: object): Promise<void> {
  const partial = `${path}.partial-${randomUUID()}`;
  await mkdir(dirname(path), { recursive: true });
  try {
    await writeFile(partial, seal(value), { flush: true });
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** @returns undefined where the file is missing, damaged or not what was expected. */
export async function readSealed<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const text = await readFile(path, 'utf8').catch(missingAsUndefined);
  return text === undefined ? undefined : schema.safeParse(unseal(text)).data;
}

/** For the failures of something that need not be there. */
export function missingAsUndefined(error: unknown): undefined {
  if (['ENOENT', 'ENOTDIR'].includes(errorCode(error))) return undefined;
  throw error;
}

/** Makes the names in a directory last through a power cut. */
export async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
