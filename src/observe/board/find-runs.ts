import { createHash } from 'node:crypto';
import { readdirSync, realpathSync, statSync, type Dirent } from 'node:fs';
import path from 'node:path';
import { LOG_FILE } from './log-event.js';

/** A run's directory, and what it is called among others. */
export interface FoundRun {
  id: string;
  name: string;
  directory: string;
}

/** How deep below a folder runs are looked for, and how many are taken. */
const DEPTH = 4;
export const MOST_RUNS = 500;
/** Folders that hold much and no runs. */
const PASSED_OVER = new Set(['node_modules', 'checkpoints']);

/** The runs among and below some directories, all that have a log; and whether there are more than are taken. */
export function findRuns(roots: readonly string[]): { runs: FoundRun[]; areMore: boolean } {
  const search = new Search();
  for (const root of roots) search.look(root, DEPTH);
  const names = shortestNames(search.found);
  const runs = search.found.map((directory, at) => ({
    id: createHash('sha256').update(directory).digest('hex').slice(0, 10),
    name: names[at]!,
    directory,
  }));
  return { runs, areMore: search.areMore };
}

class Search {
  readonly found: string[] = [];
  areMore = false;
  /** How deep below a directory it was looked for; links may lead to one again. */
  readonly #looked = new Map<string, number>();

  look(place: string, depth: number): void {
    if (this.areMore) return;
    let directory: string;
    let entries: Dirent[];
    try {
      directory = realpathSync(place);
      if ((this.#looked.get(directory) ?? -1) >= depth) return;
      entries = readdirSync(directory, { withFileTypes: true });
    } catch {
      // Not there any more, or not for us.
      return;
    }
    const isNew = !this.#looked.has(directory);
    this.#looked.set(directory, depth);
    // A pipe by that name would keep whoever opens it waiting.
    if (entries.some((entry) => entry.name === LOG_FILE && isFile(entry, directory))) {
      if (!isNew) return;
      if (this.found.length < MOST_RUNS) this.found.push(directory);
      else this.areMore = true;
    } else if (depth > 0) this.#lookInside(directory, entries, depth - 1);
  }

  #lookInside(directory: string, entries: readonly Dirent[], depth: number): void {
    for (const entry of entries) {
      if (entry.name.startsWith('.') || PASSED_OVER.has(entry.name)) continue;
      const inner = path.join(directory, entry.name);
      if (isDirectory(entry, inner)) this.look(inner, depth);
    }
  }
}

const isFile = (entry: Dirent, directory: string): boolean =>
  is('isFile', entry, path.join(directory, entry.name));
const isDirectory = (entry: Dirent, place: string): boolean => is('isDirectory', entry, place);

/** What an entry is, or what the link leads to that it is. */
function is(kind: 'isFile' | 'isDirectory', entry: Dirent, place: string): boolean {
  if (!entry.isSymbolicLink()) return entry[kind]();
  try {
    return statSync(place)[kind]();
  } catch {
    // A link to nothing, to itself, or to what is not for us.
    return false;
  }
}

/** Directories without what all of them have in common at their beginning. */
export function shortestNames(directories: readonly string[]): string[] {
  const parts = directories.map((directory) => directory.split(path.sep));
  if (parts.length === 0) return [];
  let common = 0;
  while (parts.every((each) => each.length > common + 1 && each[common] === parts[0]![common])) {
    common++;
  }
  return parts.map((each) => each.slice(common).join('/'));
}
