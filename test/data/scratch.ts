import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';

/**
 * A fresh directory for every test that asks for one, removed after it.
 *
 * @returns Writes files into the directory and gives their paths.
 */
export function useScratch(): (files?: Record<string, string | Uint8Array>) => Promise<Scratch> {
  const made: string[] = [];
  afterEach(async () => {
    for (const dir of made.splice(0)) await rm(dir, { recursive: true, force: true });
  });
  return async (files = {}) => {
    const dir = await mkdtemp(join(tmpdir(), 'lockstep-data-'));
    made.push(dir);
    for (const [name, content] of Object.entries(files)) await writeFile(join(dir, name), content);
    return { dir, path: (name) => join(dir, name) };
  };
}

export interface Scratch {
  readonly dir: string;
  readonly path: (name: string) => string;
}

/** All that an asynchronous iterable gives. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
