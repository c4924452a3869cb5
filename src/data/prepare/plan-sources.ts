import { introduce } from '../../config/places.js';
import type { Config } from '../../config/schema.js';
import { UserError } from '../../errors.js';
import { taskOf } from '../../tasks/registry.js';
import {
  describeRepeatedPair,
  type FilePair,
  isFilePair,
  listFilePairs,
} from '../input/file-pairs.js';
import {
  type FileStamp,
  type ListedSource,
  listSources,
  nameSource,
  type Notify,
  type Source,
  splitName,
  stampSource,
  standardInput,
} from '../input/sources.js';
import { type Copying, keepStandardInput, type KeptInput } from './kept-input.js';
import type { SplitName } from './work/split.js';

/** The files that a corpus is read from. */

export interface PlannedSource extends Source {
  /** The option that names the file. */
  readonly from: SplitName;
  /** How often an epoch of training shows the file's rows. */
  readonly weight: number;
  /** See `splitName`. */
  readonly name: string;
  readonly stamp: FileStamp;
  /** Of standard input, its copy: whoever refuses the corpus discards it. */
  readonly kept?: KeptInput;
}

/** Of all files together. */
export function totalBytes(sources: readonly PlannedSource[]): number {
  return sources.reduce((sum, { stamp }) => sum + stamp.bytes, 0);
}

type Entry = Config['data']['train'][number] | FilePair;

/** What a config names for each split; nothing for one that is a fraction of the training files. */
export type SplitEntries = Readonly<Record<SplitName, readonly Entry[]>>;

export function entriesOf({ train, validation, test }: Config['data']): SplitEntries {
  return {
    train,
    validation: typeof validation === 'number' ? [] : validation,
    test: typeof test === 'number' ? [] : (test ?? []),
  };
}

/** Paths and globs of an entry, without its weight: that changes what training reads of a store, not what is in it. */
export function patternsOf(entry: Entry): readonly string[] {
  if (typeof entry === 'string') return [entry];
  return 'path' in entry ? [entry.path] : [...entry.source, ...entry.target];
}

/** Standard input comes once. */
export function requireOneInput(patterns: readonly string[]): void {
  if (patterns.filter((pattern) => pattern === standardInput).length <= 1) return;
  throw new UserError('data: standard input ("-") can be read once only, but is named twice.');
}

/** @throws UserError for what is missing, of another layout than the task takes, or named for two splits. */
export async function planSources(
  config: Config,
  entries: SplitEntries,
  named: Readonly<Record<SplitName, string>>,
  notify: Notify,
  copying?: Copying,
): Promise<PlannedSource[]> {
  const { data } = config;
  const listed: NamedSource[] = [];
  for (const from of ['train', 'validation', 'test'] as const) {
    for (const found of await listEntries(config, entries[from], from, named[from], notify)) {
      listed.push({ ...found, from });
    }
  }
  refuseShared(listed, entries, named);
  for (const each of listed) requireFormat(config, each, named[each.from]);
  return Promise.all(
    listed.map(async ({ source: each, from, pattern }) => {
      const isInput = each.path === standardInput;
      const kept = isInput ? await keepStandardInput(data.storeDir, copying) : undefined;
      const source = { ...each, ...(kept && { path: kept.path, kept }) };
      const weight = weightOf(entries[from][pattern]!);
      return { ...source, from, weight, name: splitName(source), stamp: await stampSource(source) };
    }),
  );
}

/** The files of all entries in their order; files that stand alone are listed together, so that each is read once. */
export async function listEntries(
  config: Config,
  entries: readonly Entry[],
  from: SplitName,
  key: string,
  notify: Notify,
): Promise<ListedSource[]> {
  const { data, task } = config;
  const alone = Array.from(entries.keys()).filter((i) => !isFilePair(entries[i]));
  const request = {
    patterns: alone.flatMap((i) => patternsOf(entries[i]!)),
    format: data.format,
    otherwise: taskOf(task).gives === 'tokens' ? ('conll' as const) : undefined,
    key,
    introduce: (pattern: number) => introduce(config, ['data', from, alone[pattern]!]),
  };
  const found = await listSources(request, notify);
  const listed = found.map((each) => ({
    ...each,
    pattern: alone[each.pattern]!,
    again: each.again.map((pattern) => alone[pattern]!),
  }));
  const pairs = new Map<string, number[]>();
  for (const [pattern, entry] of entries.entries()) {
    if (!isFilePair(entry)) continue;
    const place = (side: string, file: number): string =>
      introduce(config, ['data', from, pattern, side, file]);
    // Options of the command line are one for each side.
    const keyOf = (side: 'source' | 'target'): string =>
      key.startsWith('--') ? (side === 'source' ? key : '--target') : `${key}.${side}`;
    const request = { pair: entry, key, keyOf, introduce: place };
    for (const each of await listFilePairs(request, notify)) {
      const identity = `${each.identity} ${each.targetIdentity}`;
      const again = pairs.get(identity);
      if (again !== undefined) {
        notify(describeRepeatedPair(each.source, each.source.target!, key));
        again.push(pattern);
        continue;
      }
      const others: number[] = [];
      pairs.set(identity, others);
      listed.push({ ...each, pattern, again: others });
    }
  }
  for (const each of listed) requireOneWeight(each, entries, key);
  return listed.sort((a, b) => a.pattern - b.pattern);
}

function weightOf(entry: Entry): number {
  return typeof entry !== 'string' && 'weight' in entry ? entry.weight : 1;
}

/** A file is read once, so that of two weights one would count for nothing. */
function requireOneWeight(
  { source, pattern, again }: ListedSource,
  entries: readonly Entry[],
  key: string,
): void {
  const weight = weightOf(entries[pattern]!);
  const other = again.map((each) => entries[each]!).find((entry) => weightOf(entry) !== weight);
  if (other === undefined) return;
  const by = (entry: Entry): string =>
    patternsOf(entry)
      .map((each) => JSON.stringify(each))
      .join();
  throw new UserError(
    `${key}: ${JSON.stringify(source.path)} is named twice, with weight ${weight} by ${by(entries[pattern]!)} ` +
      `and with weight ${weightOf(other)} by ${by(other)}: expected one weight for a file.`,
  );
}

function requireFormat(
  { task }: Config,
  { source: { path, format, target, isGuessed } }: NamedSource,
  named: string,
): void {
  const { formats, expects, gives } = taskOf(task);
  if (target !== undefined && gives !== 'pairs') {
    throw new UserError(
      `${named}: ${nameSource(path)} is one of two files whose lines belong together: task ${task} expects ${expects}.`,
    );
  }
  if (target !== undefined || formats.includes(format)) return;
  const lacks = gives === 'pairs' ? 'translations' : 'labels';
  const what = { text: `is plain text, which has no ${lacks}`, conll: 'has CoNLL columns' };
  const found = format === 'text' || format === 'conll' ? what[format] : 'is a table';
  throw new UserError(
    `${named}: ${nameSource(path)} ${found}: ` +
      `task ${task} expects ${expects}${isGuessed ? '; if it is such, set data.format' : ''}.`,
  );
}

type NamedSource = ListedSource & { readonly from: SplitName };

/** What is trained on measures nothing, nor does what chooses the checkpoint to be tested. */
function refuseShared(
  listed: readonly NamedSource[],
  entries: SplitEntries,
  named: Readonly<Record<SplitName, string>>,
): void {
  const known = new Map<string, { from: SplitName; pattern: number }>();
  const look = (path: string, identity: string, { from, pattern }: NamedSource): void => {
    const first = known.get(identity);
    if (first === undefined) known.set(identity, { from, pattern });
    if (first === undefined || first.from === from) return;
    const others = patternsOf(entries[first.from][first.pattern]!);
    const as = others.includes(path)
      ? ''
      : ` (as ${others.map((each) => JSON.stringify(each)).join(', ')})`;
    throw new UserError(
      `${named[from]}: ${JSON.stringify(path)} is in both ${named[first.from]}${as} and ${named[from]}: ` +
        'expected every file in one split only.',
    );
  };
  for (const each of listed) {
    const { source, identity, targetIdentity } = each;
    look(source.path, identity, each);
    if (source.target && targetIdentity !== undefined)
      look(source.target.path, targetIdentity, each);
  }
}
