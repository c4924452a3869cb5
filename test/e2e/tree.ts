import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join, relative } from 'node:path';

/**
 * What lies below a directory: every name, and of a file its time, size and content. A command that is refused
 * leaves it as it was.
 */
export function readTree(folder: string): Record<string, string> {
  const tree: Record<string, string> = {};
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const place = join(entry.parentPath, entry.name);
    tree[relative(folder, place)] = entry.isFile()
      ? `${lstatSync(place, { bigint: true }).mtimeNs} ${readFileSync(place, 'latin1')}`
      : entry.isSymbolicLink()
        ? `-> ${readlinkSync(place)}`
        : 'a directory';
  }
  return tree;
}

/** Stores of tokens and what they are made of: kept for the next command, whatever becomes of this one. */
const isStore = (name: string) => /^(data|(data\/)?stores(\/.*)?)$/.test(name);

/** Names of what was added, removed or changed besides stores of tokens. */
export function compareTrees(
  before: Record<string, string>,
  after: Record<string, string>,
): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => !isStore(name) && before[name] !== after[name]).sort();
}
