import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { introduce } from '../../config/places.js';
import type { Config } from '../../config/schema.js';
import { UserError } from '../../errors.js';
import type { TargetScale } from '../../tasks/target-scale.js';
import { taskOf } from '../../tasks/registry.js';
import {
  columnsOf,
  type Feature,
  featuresOf,
  type FeatureVocabulary,
} from '../features/features.js';
import type { ExampleOptions } from '../formats/examples.js';
import { findFile } from '../input/find-files.js';
import { checkHeaders } from '../formats/header-check.js';
import { discardInput, type KeptInput, keepStandardInput } from './kept-input.js';
import { type Manifest, storeVersion } from '../store/manifest.js';
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
import { checkFractions, type Fractions, type SplitName } from './work/split.js';
import type { SerializedTokenizer } from '../tokenizers/serialized.js';
import { marksOf } from '../tokenizers/word-forms.js';

/** What preparing a corpus will read, and under which name it will be kept. */
export interface CorpusPlan {
  readonly sources: readonly PlannedSource[];
  /** Shares of `data.train` that are held out. */
  readonly fractions: Fractions;
  /** How sources are read. */
  readonly reading: ExampleOptions;
  /** What is kept of tokens beside. */
  readonly features: readonly Feature[];
  /** What of a text is no word: it has no features. */
  readonly marks: readonly string[];
  /** Whatever in the configuration changes the store's content. */
  readonly options: Manifest['options'];
  /** What the names of the stores begin with that may hold the corpus: a hash of all that is asked for. */
  readonly kind: string;
  /** Name of the store's directory: another one for each place that files are asked for from. */
  readonly key: string;
  /** What names the files of each split, for messages. */
  readonly named: Readonly<Record<SplitName, string>>;
  /** What token ids and classes mean, where that is known already: nothing is learned then. */
  readonly vocabulary?: KnownVocabulary;
}

/** What was learned from another corpus. */
export interface KnownVocabulary {
  readonly tokenizer: SerializedTokenizer;
  readonly classes: readonly string[];
  readonly targetScale?: TargetScale | undefined;
  readonly features: readonly FeatureVocabulary[];
}

const configKeys = { train: 'data.train', validation: 'data.validation', test: 'data.test' };

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

export function totalBytes(sources: readonly PlannedSource[]): number {
  return sources.reduce((sum, { stamp }) => sum + stamp.bytes, 0);
}

/**
 * Looks up the files and decides where the store lies; reads at most the first rows of them, and
 * standard input, which becomes one.
 *
 * @param notify Hears of files that are named more than once, and of first rows that may be data.
 * @throws UserError for missing files, files that two splits name, and impossible options.
 */
export async function planCorpus(config: Config, notify: Notify): Promise<CorpusPlan> {
  return plan(config, configKeys, notify);
}

/**
 * As `planCorpus`, for files that are measured with a model: `data.train` names them.
 *
 * @param named The option that does, for messages.
 */
export async function planHeldOut(
  config: Config,
  named: string,
  vocabulary: KnownVocabulary,
  notify: Notify,
): Promise<CorpusPlan> {
  return plan(config, { train: named, validation: named, test: named }, notify, vocabulary);
}

async function plan(
  config: Config,
  named: CorpusPlan['named'],
  notify: Notify,
  vocabulary?: KnownVocabulary,
): Promise<CorpusPlan> {
  const { data, task } = config;
  const { rows, target, gives } = taskOf(task);
  const fractions = {
    validation: typeof data.validation === 'number' ? data.validation : 0,
    test: typeof data.test === 'number' ? data.test : 0,
  };
  checkFractions(fractions);
  const entries = {
    train: data.train,
    validation: typeof data.validation === 'number' ? [] : data.validation,
    test: typeof data.test === 'number' ? [] : (data.test ?? []),
  };
  // Without weights: they change what training reads of a store, not what is in it.
  const patterns = { ...entries, train: pathsOf(entries.train) };
  requireOneInput(Object.values(patterns).flat());
  // Before standard input is copied.
  const tokenizer =
    vocabulary?.tokenizer ??
    (await describeTokenizer(data.tokenizer, introduce(config, ['data', 'tokenizer', 'file'])));
  const sources = await planSources(config, entries, named, notify);
  const features = featuresOf(config.model.features);
  const columns = columnsOf(features);
  const cut = vocabulary?.tokenizer ?? data.tokenizer;
  const ofTexts = gives === 'text' && features.length > 0;
  const marks = ofTexts && cut.kind === 'word' ? marksOf(cut) : [];
  const { text, label, header, delimiter, quote, encoding } = data;
  const reading = {
    text,
    header,
    delimiter,
    quote,
    encoding,
    ...(target !== 'next token' && { label }),
    ...(target === 'number' && { labels: 'number' as const }),
    ...(target === 'labels' && { labelSeparator: data.labelSeparator }),
    ...(gives === 'tokens' && { tagged: true }),
    ...(columns.length > 0 && { columns }),
  };
  try {
    await checkHeaders(sources, reading, (index) => named[sources[index]!.from], notify);
  } catch (error) {
    await discardInput(sources);
    throw error;
  }
  const options = {
    task,
    fractions,
    reading,
    tokenizer,
    ...(features.length > 0 && { features: vocabulary?.features ?? describeFeatures(config) }),
    ...(rows === 'apart' && { maxLength: data.maxLength, truncate: data.truncate }),
  };
  const { format, onBadRow, maxBadRows } = data;
  const asked = { patterns, format, onBadRow, maxBadRows };
  const kind = hash({ storeVersion, options, asked }).slice(0, 16);
  const place = hash(Object.values(patterns).map((each) => each.map((path) => resolve(path))));
  const key = `${kind}-${place.slice(0, 8)}`;
  return {
    sources,
    fractions,
    reading,
    features,
    marks,
    options,
    kind,
    key,
    named,
    ...(vocabulary && { vocabulary }),
  };
}

function requireOneInput(patterns: readonly string[]): void {
  if (patterns.filter((pattern) => pattern === standardInput).length <= 1) return;
  throw new UserError('data: standard input ("-") can be read once only, but is named twice.');
}

async function planSources(
  config: Config,
  entries: Record<SplitName, Config['data']['train']>,
  named: CorpusPlan['named'],
  notify: Notify,
): Promise<PlannedSource[]> {
  const { data, task } = config;
  const { formats, expects, gives } = taskOf(task);
  const listed: NamedSource[] = [];
  for (const from of ['train', 'validation', 'test'] as const) {
    const patterns = pathsOf(entries[from]);
    const request = {
      patterns,
      format: data.format,
      tagged: gives === 'tokens',
      key: named[from],
      introduce: (pattern: number) => introduce(config, ['data', from, pattern]),
    };
    for (const found of await listSources(request, notify)) listed.push({ ...found, from });
  }
  refuseShared(listed, entries, named);
  for (const { source, from } of listed) {
    if (formats.includes(source.format)) continue;
    const what = { text: 'is plain text, which has no labels', conll: 'has CoNLL columns' };
    const found =
      source.format === 'text' || source.format === 'conll' ? what[source.format] : 'is a table';
    throw new UserError(
      `${named[from]}: ${nameSource(source.path)} ${found}: ` +
        `task ${task} expects ${expects}${source.isGuessed ? '; if it is such, set data.format' : ''}.`,
    );
  }
  return Promise.all(
    listed.map(async ({ source: each, from, pattern }) => {
      const kept = each.path === standardInput ? await keepStandardInput(data.storeDir) : undefined;
      const source = { ...each, ...(kept && { path: kept.path, kept }) };
      const entry = entries[from][pattern]!;
      const weight = typeof entry === 'string' ? 1 : entry.weight;
      return { ...source, from, weight, name: splitName(source), stamp: await stampSource(source) };
    }),
  );
}

type NamedSource = ListedSource & { readonly from: SplitName };

/** What is trained on measures nothing, nor does what chooses the checkpoint to be tested. */
function refuseShared(
  listed: readonly NamedSource[],
  entries: Record<SplitName, Config['data']['train']>,
  named: CorpusPlan['named'],
): void {
  const known = new Map<string, NamedSource>();
  for (const { source, from, identity, pattern } of listed) {
    const first = known.get(identity);
    if (first === undefined) {
      known.set(identity, { source, from, identity, pattern });
    } else if (first.from !== from) {
      const other = pathsOf(entries[first.from])[first.pattern]!;
      const as = other === source.path ? '' : ` (as ${JSON.stringify(other)})`;
      throw new UserError(
        `${named[from]}: ${JSON.stringify(source.path)} is in both ${named[first.from]}${as} and ${named[from]}: ` +
          'expected every file in one split only.',
      );
    }
  }
}

function pathsOf(entries: Config['data']['train']): string[] {
  return entries.map((entry) => (typeof entry === 'string' ? entry : entry.path));
}

/** What of them changes a store: not how the layers read them. */
function describeFeatures({ model }: Config): unknown {
  const reading = { width: undefined, embedding: undefined, read: undefined, window: undefined };
  return model.features.map((feature) => ({ ...feature, ...reading }));
}

/**
 * A tokenizer's options, with the content of its file in the place of the name.
 *
 * @param place Begins messages about the file: where the option names it.
 */
export async function describeTokenizer(
  options: Config['data']['tokenizer'],
  place = '',
): Promise<unknown> {
  if (options.kind !== 'bpe' || options.file === undefined) return options;
  const { path } = await findFile(options.file, `${place}data.tokenizer.file`);
  const content = await readFile(path);
  return { kind: options.kind, file: createHash('sha256').update(content).digest('hex') };
}

/** SHA-256 of a value as JSON, in hexadecimal; the keys' order counts. */
export function hash(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
