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

type Tree = Readonly<Record<string, string>>;

/**
 * Whether something below a store directory may be new after a refusal: pieces, and a store that is whole, are kept
 * for the next command. Anything else there, like half a store or a lock, would be left behind.
 */
function isKept(name: string, after: Tree): boolean {
  const found = /^((?:data\/)?stores|data)(?:\/([^/]+))?(?:\/|$)/.exec(name);
  if (found === null) return false;
  const [, stores, child] = found;
  if (name === stores || (stores === 'data' && child === 'stores')) return true;
  return child === 'pieces' || `${stores!}/${child!}/manifest.json` in after;
}

/** Whether what is gone are the pieces of a content that its source no longer has, all of them. */
function isReplaced(name: string, after: Tree): boolean {
  const content = /^(?:data\/)?(?:stores|data)\/pieces\/[^/]+\/[^/]+/.exec(name);
  return content !== null && !(content[0] in after);
}

/** Names of what was added, removed or changed, but for stores of tokens that are whole. */
export function compareTrees(before: Tree, after: Tree): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names]
    .filter((name) => before[name] !== after[name])
    .filter((name) => !(name in after ? isKept(name, after) : isReplaced(name, after)))
    .sort();
}
