import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { nearestName } from './names.js';

/**
 * The path that exists and comes nearest to one that does not: each part that is missing gives way to
 * the nearest name beside it. Undefined where none is near.
 */
export async function nearestPath(path: string): Promise<string | undefined> {
  let at = path.startsWith('/') ? '/' : '';
  for (const part of path.split(/[/\\]/).filter((each) => each !== '')) {
    if (part === '.' || part === '..') {
      at = join(at, part);
      continue;
    }
    const names = await readdir(at === '' ? '.' : at).catch((): string[] => []);
    const name = names.includes(part) ? part : nearestName(names, part);
    if (name === undefined) return undefined;
    at = join(at, name);
  }
  return at;
}
