import type { BigIntStats } from 'node:fs';
import { access, constants, lstat, readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import picomatch from 'picomatch';
import { UserError } from '../../errors.js';
import { describeOddFile, describeSystemError } from '../../system/system-errors.js';
import { expandBraces, firstSegment, isPattern, keepPlain } from './pattern.js';
import { errorCode } from '../../system/error-code.js';
import { nearestPath } from './nearest-path.js';

/** The files that a path or pattern means. */

export interface FoundFile {
  readonly path: string;
  /** The same for two names of one file, be it by a link or by another spelling. */
  readonly identity: string;
}

/**
 * Lists the regular files that a pattern means. Whatever stands there under the pattern's own name is
 * meant by it, also where a single part of the path has such a name: `data (1)/*.csv` reads of
 * "data (1)", and `[a]` means the directory of that name if there is one. Wildcards are `*`, `?`, `[…]`,
 * `{a,b}`, `{1..9}` and `**`; they leave hidden names out.
 *
 * @param key Names the option in messages (`data.train`).
 * @param expected What may be named in the place of what is no regular file.
 * @returns By code units of the path; a directory that a wildcard matches is none of them.
 * @throws UserError for what is missing, no regular file or not to be read.
 */
export async function findFiles(
  pattern: string,
  key: string,
  expected = 'a regular file, or "-" for standard input',
): Promise<FoundFile[]> {
  return new Search(key, expected).find(pattern);
}

/**
 * The one regular file that a path means, as it stands.
 *
 * @throws UserError as `findFiles`.
 */
export async function findFile(path: string, key: string): Promise<FoundFile> {
  return new Search(key, 'a regular file').file(path);
}

class Search {
  /** Directories that `**` has been through, with what was sought there: links may lead in circles. */
  readonly #seen = new Set<string>();

  constructor(
    private readonly key: string,
    private readonly expected: string,
  ) {}

  async find(pattern: string): Promise<FoundFile[]> {
    if (!isPattern(pattern)) return [await this.file(pattern)];
    // A pattern may be too long for a name.
    const literal = await this.#look(this.#checkName(pattern), true);
    if (literal !== undefined) return [await this.#take(pattern, literal)];
    const root = pattern.startsWith('/') ? '/' : '';
    const found = new Map<string, FoundFile>();
    for await (const file of this.#walk(root, pattern.slice(root.length))) {
      found.set(file.path, file);
    }
    if (found.size === 0) {
      throw new UserError(
        `${this.key}: no file matches ${JSON.stringify(pattern)}${explainTilde(pattern)}.`,
      );
    }
    return Array.from(found.keys())
      .sort()
      .map((path) => found.get(path)!);
  }

  async file(path: string): Promise<FoundFile> {
    const found = await this.#look(this.#checkName(path), false);
    if (found !== undefined) return this.#take(path, found);
    const [near, hint] = [await nearestPath(path), explainTilde(path)];
    const isAlike = near?.normalize() === path.normalize() && near !== path;
    const form = near?.normalize() === near ? 'composed' : 'decomposed';
    const how = isAlike ? ` Its name looks alike, but its accents are ${form} characters.` : '';
    const meant = near === undefined ? '' : ` (did you mean ${JSON.stringify(near)}?${how})`;
    throw new UserError(`${this.key}: there is no file ${JSON.stringify(path)}${meant}${hint}.`);
  }

  #checkName(path: string): string {
    if (path.includes('\0')) throw this.#refuse(path, 'has a NUL, as no file name can.');
    return path;
  }

  /** @param at Where the pattern's rest begins; empty for the working directory. */
  async *#walk(at: string, pattern: string): AsyncGenerator<FoundFile> {
    const { segment, rest } = firstSegment(pattern);
    const literal = join(at, segment);
    const found = await this.#look(literal, isPattern(segment));
    if (found !== undefined) {
      yield* this.#enter(literal, found, rest);
      return;
    }
    const alternatives = expandBraces(segment);
    if (alternatives !== undefined) {
      for (const each of alternatives) yield* this.#walk(at, joinPattern(each, rest));
      return;
    }
    if (!isPattern(segment)) return;
    const isDeep = segment === '**';
    if (isDeep && (await this.#wasHere(at, pattern))) return;
    if (isDeep) yield* this.#walk(at, rest ?? '*');
    for (const [path, entry] of await this.#list(at, isDeep ? '*' : segment)) {
      if (!isDeep) {
        yield* this.#enter(path, entry, rest);
      } else if (entry.isDirectory()) {
        yield* this.#walk(path, pattern);
      }
    }
  }

  async #wasHere(at: string, pattern: string): Promise<boolean> {
    const found = await this.#look(at, false);
    const place = `${found === undefined ? at : identify(at, found)} ${pattern}`;
    if (this.#seen.has(place)) return true;
    this.#seen.add(place);
    return false;
  }

  async *#enter(
    path: string,
    found: BigIntStats,
    rest: string | undefined,
  ): AsyncGenerator<FoundFile> {
    if (rest !== undefined) {
      if (found.isDirectory()) yield* this.#walk(path, rest);
    } else if (!found.isDirectory()) {
      // Alone, a dash would be standard input.
      yield await this.#take(path === '-' ? './-' : path, found);
    }
  }

  /** What a directory has that a pattern matches. */
  async #list(dir: string, segment: string): Promise<[path: string, found: BigIntStats][]> {
    const matches = picomatch(keepPlain(segment));
    const isShown = (name: string): boolean => !name.startsWith('.') || segment.startsWith('.');
    const names = await readdir(dir === '' ? '.' : dir).catch((error: unknown) => {
      throw this.#explain(dir === '' ? '.' : dir, error);
    });
    const entries: [string, BigIntStats][] = [];
    for (const name of names.filter((each) => isShown(each) && matches(each)).sort()) {
      const path = join(dir, name);
      const found = await this.#look(path, false);
      if (found !== undefined) entries.push([path, found]);
    }
    return entries;
  }

  /** What stands at a path; undefined where there is nothing. */
  async #look(path: string, mayBeTooLong: boolean): Promise<BigIntStats | undefined> {
    try {
      return await stat(path === '' ? '.' : path, { bigint: true });
    } catch (error) {
      const code = errorCode(error);
      if (code === 'ENAMETOOLONG' && mayBeTooLong) return undefined;
      if (code !== 'ENOENT' && code !== 'ENOTDIR') throw this.#explain(path, error);
      const link = await lstat(path).catch(() => undefined);
      if (link === undefined) return undefined;
      throw this.#refuse(path, 'is a link to something that is not there.');
    }
  }

  async #take(path: string, found: BigIntStats): Promise<FoundFile> {
    if (found.isDirectory()) {
      const example = JSON.stringify(join(path, '*.csv'));
      throw this.#refuse(path, `is a directory: name its files, for example ${example}.`);
    }
    const odd = describeOddFile(found);
    if (odd !== undefined) {
      throw this.#refuse(path, `is ${odd}: expected ${this.expected}.`);
    }
    await access(path, constants.R_OK).catch((error: unknown) => {
      throw this.#explain(path, error);
    });
    return { path, identity: identify(path, found) };
  }

  #refuse(path: string, what: string): UserError {
    return new UserError(`${this.key}: ${JSON.stringify(path)} ${what}`);
  }

  #explain(path: string, error: unknown): unknown {
    const reason = describeSystemError(error);
    return reason === undefined ? error : this.#refuse(path, `cannot be read: ${reason}.`);
  }
}

/** Some file systems number no files. */
function identify(path: string, { dev, ino }: BigIntStats): string {
  return ino === 0n ? resolve(path) : `${dev}:${ino}`;
}

function joinPattern(segment: string, rest: string | undefined): string {
  return rest === undefined ? segment : `${segment}/${rest}`;
}

function explainTilde(pattern: string): string {
  return pattern.startsWith('~')
    ? '; "~" stands for a home directory in a shell only: write its path'
    : '';
}
