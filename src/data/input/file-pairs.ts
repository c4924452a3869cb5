import { UserError } from '../../errors.js';
import { counted } from '../../system/counted.js';
import {
  type Format,
  type ListedSource,
  listSources,
  type Notify,
  type Source,
  type SourceRequest,
  standardInput,
} from './sources.js';

/** Text files whose lines belong together, two by two. */

/** As a config names them: files or globs. */
export interface FilePair {
  readonly source: readonly string[];
  readonly target: readonly string[];
}

/** Whether files are named by their sides. */
export function isFilePair(files: unknown): files is FilePair {
  return typeof files === 'object' && files !== null && 'source' in files;
}

/**
 * The format of the files that hold both sides, where `data.format` is `format`: plain text holds no pairs, so that of a model that has learned
 * from two text files at a time it tells nothing of tables, whose names do.
 */
export function formatOfTables(format: Format | undefined): Format | undefined {
  return format === 'text' ? undefined : format;
}

/** What a side has to be. */
const regularFile = 'a regular file, because pairs are read from two of them at once';

type PairRequest = Pick<SourceRequest, 'key'> & {
  readonly pair: FilePair;
  /** Names the option of either side. */
  readonly keyOf: (side: 'source' | 'target') => string;
  /** Where the config names a file of either side. */
  readonly introduce: (side: 'source' | 'target', pattern: number) => string;
};

/**
 * Lists pairs of files, each once: the first file of one side belongs to the first of the other, and so on, the files of a glob by code
 * units. A file may belong to several of the other side.
 *
 * @param notify Hears of pairs that are named more than once, and of files that are both sides of one.
 * @returns Sources with their targets, in order.
 * @throws UserError as `listSources`, and where one side has more files than the other.
 */
export async function listFilePairs(
  { pair, key, keyOf, introduce }: PairRequest,
  notify: Notify,
): Promise<ListedSource[]> {
  const [sources, targets] = [await list('source'), await list('target')];
  if (sources.length !== targets.length) {
    throw new UserError(
      `${introduce('target', 0)}${key}: expected as many files on both sides, got ${counted(sources.length, 'file')} as source and ${targets.length} as target.`,
    );
  }
  const listed = new Map<string, ListedSource>();
  for (const [i, { source, identity }] of sources.entries()) {
    const target = targets[i]!;
    const both = `${identity} ${target.identity}`;
    if (listed.has(both)) {
      notify(describeRepeatedPair(source, target.source, key));
      continue;
    }
    if (identity === target.identity) {
      notify(
        `${key} names ${JSON.stringify(source.path)} as source and as target: every line is its own translation.`,
      );
    }
    listed.set(both, {
      source: { ...source, target: target.source },
      identity,
      targetIdentity: target.identity,
      pattern: 0,
      again: [],
    });
  }
  return Array.from(listed.values());

  function list(side: 'source' | 'target'): Promise<ListedSource[]> {
    if (pair[side].includes(standardInput)) {
      throw new UserError(
        `${introduce(side, 0)}${keyOf(side)}: expected ${regularFile}; got standard input.`,
      );
    }
    const request = {
      patterns: pair[side],
      format: 'text' as const,
      key: keyOf(side),
      expected: regularFile,
      repeats: true,
      introduce: (pattern: number) => introduce(side, pattern),
    };
    return listSources(request, notify);
  }
}

/** What is told where both files of a pair are named again. */
export function describeRepeatedPair(source: Source, target: Source, key: string): string {
  return `${key} names ${JSON.stringify(source.path)} with ${JSON.stringify(target.path)} more than once: the pair is read once.`;
}
