import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

/** The rooms of src/, from the roof down: a file imports from its own room and from rooms below. */
const rooms = [
  'cli',
  'cli-serve',
  'program',
  'commands',
  'serve',
  'init',
  'index',
  'library-terms',
  'hearing',
  'page',
  'observe',
  'export',
  'web',
  'use',
  'bench',
  'train',
  'decoding',
  'run',
  'checkpoint',
  'compute',
  'data/prepare',
  'data/batches',
  'data/store',
  'data/formats',
  'data/input',
  'config',
  'tasks',
  'scoring',
  'data/tokenizers',
  'data/features',
  'model',
  'optimizers',
  'backend',
  'tensor',
  'system',
  'events',
  'measures',
  'zod',
  'package-root',
  'errors',
];

const source = path.join(import.meta.dirname, '../src');
const threads = path.join(import.meta.dirname, '../workers');

/** The files that each file of src/ imports, by their paths within it, also those imported when needed. */
const imports = new Map(
  readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
    .map((file) => {
      const text = readFileSync(path.join(source, file), 'utf8');
      const named = text.matchAll(/(?:\bfrom\s+|\bimport\(|\bimport\s+)'(\.[^']+)\.js'/g);
      return [file, [...named].map((m) => path.join(path.dirname(file), `${m[1]!}.ts`))] as const;
    }),
);

function roomOf(file: string): number {
  return rooms.findIndex((room) => file === `${room}.ts` || file.startsWith(`${room}/`));
}

/** A way from a file back to itself, or undefined. */
function findCircle(start: string): string[] | undefined {
  const seen = new Set<string>();
  const goOn = (file: string, way: string[]): string[] | undefined => {
    for (const next of imports.get(file) ?? []) {
      if (next === start) return [...way, next];
      if (seen.has(next)) continue;
      seen.add(next);
      const found = goOn(next, [...way, next]);
      if (found) return found;
    }
    return undefined;
  };
  return goOn(start, [start]);
}

/** What a file loads before it begins, itself and packages included: not types, nor what is imported when needed. */
function loadedBy(file: string, found = new Set<string>()): Set<string> {
  found.add(file);
  const text = readFileSync(file, 'utf8');
  for (const [, name] of text.matchAll(/^(?:import|export) (?!type )[^;]*?\bfrom '([^']+)'/gm)) {
    if (!name!.startsWith('.')) found.add(name!);
    else {
      const next = path.join(path.dirname(file), name!.replace(/\.js$/, '.ts'));
      if (!found.has(next)) loadedBy(next, found);
    }
  }
  return found;
}

describe('the house', () => {
  // Making them would take a thread longer than all else that it loads: what it is given has been checked.
  it.each(readdirSync(threads))('has no schemas in the threads of workers/%s', (entry) => {
    const loaded = loadedBy(path.join(threads, entry));
    expect(loaded.size).toBeGreaterThan(2);
    expect([...loaded]).not.toContain('zod');
  });

  it('has nothing of Node, and no schemas, in the module for browsers', () => {
    const loaded = [...loadedBy(path.join(source, 'web/module.ts'))];
    expect(loaded.length).toBeGreaterThan(100);
    expect(loaded.filter((name) => !path.isAbsolute(name))).toEqual([
      'ndarray',
      'fastest-levenshtein',
    ]);
  });

  it('has a room for every file', () => {
    expect([...imports.keys()].filter((file) => roomOf(file) < 0)).toEqual([]);
  });

  it('imports downwards', () => {
    const upwards = [...imports].flatMap(([file, used]) =>
      used.filter((each) => roomOf(each) < roomOf(file)).map((each) => `${file} → ${each}`),
    );
    expect(upwards).toEqual([]);
  });

  it('has no circle of imports', () => {
    const circles = [...imports.keys()].map(findCircle).filter((circle) => circle !== undefined);
    expect(circles).toEqual([]);
  });

  it('has no import of a file that is not there', () => {
    const lost = [...imports].flatMap(([file, used]) =>
      used
        .filter((each) => !imports.has(each) && !each.endsWith('.d.ts'))
        .map((each) => `${file} → ${each}`),
    );
    expect(lost).toEqual([]);
  });
});
