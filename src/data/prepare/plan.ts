import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { introduce } from '../../config/places.js';
import type { Config } from '../../config/schema.js';
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
import { checkEncodings } from '../input/encoding-check.js';
import { type Copying, discardInput } from './kept-input.js';
import { type Manifest, storeVersion } from '../store/manifest.js';
import type { Notify } from '../input/sources.js';
import {
  entriesOf,
  patternsOf,
  type PlannedSource,
  planSources,
  requireOneInput,
} from './plan-sources.js';
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
  /** Of pairs that of the source, where it is another one. */
  readonly sourceTokenizer?: SerializedTokenizer | undefined;
  readonly classes: readonly string[];
  readonly targetScale?: TargetScale | undefined;
  readonly features: readonly FeatureVocabulary[];
}

const configKeys = { train: 'data.train', validation: 'data.validation', test: 'data.test' };

/**
 * Looks up the files and decides where the store lies; reads at most the first rows of them, and
 * standard input, which becomes one.
 *
 * @param notify Hears of files that are named more than once, and of first rows that may be data.
 * @param copying Hears how far standard input has been copied.
 * @throws UserError for missing files, files that two splits name, and impossible options.
 */
export async function planCorpus(
  config: Config,
  notify: Notify,
  copying?: Copying,
): Promise<CorpusPlan> {
  return plan(config, configKeys, notify, { copying });
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
  return plan(config, { train: named, validation: named, test: named }, notify, { vocabulary });
}

async function plan(
  config: Config,
  named: CorpusPlan['named'],
  notify: Notify,
  { vocabulary, copying }: { vocabulary?: KnownVocabulary; copying?: Copying | undefined },
): Promise<CorpusPlan> {
  const { data, task } = config;
  const { rows, gives } = taskOf(task);
  const fractions = {
    validation: typeof data.validation === 'number' ? data.validation : 0,
    test: typeof data.test === 'number' ? data.test : 0,
  };
  checkFractions(fractions);
  const entries = entriesOf(data);
  const patterns = {
    train: entries.train.flatMap(patternsOf),
    validation: entries.validation.flatMap(patternsOf),
    test: entries.test.flatMap(patternsOf),
  };
  requireOneInput(Object.values(patterns).flat());
  // Before standard input is copied.
  const tokenizer = vocabulary?.tokenizer ?? (await describeOwn(config, 'tokenizer'));
  const pairs = gives === 'pairs' && (await describePairs(config, vocabulary));
  const sources = await planSources(config, entries, named, notify, copying);
  const features = featuresOf(config.model.features);
  const cut = vocabulary?.tokenizer ?? data.tokenizer;
  const ofTexts = gives === 'text' && features.length > 0;
  const marks = ofTexts && cut.kind === 'word' ? marksOf(cut) : [];
  const reading = readingOf(config, features);
  try {
    await checkHeaders(sources, reading, (index) => named[sources[index]!.from], notify);
    await checkEncodings(sources, data.encoding, notify);
  } catch (error) {
    await discardInput(sources);
    throw error;
  }
  const options = {
    task,
    fractions,
    reading,
    tokenizer,
    ...pairs,
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

/** How sources are read. */
function readingOf({ task, data }: Config, features: readonly Feature[]): ExampleOptions {
  const { target, gives } = taskOf(task);
  const { text, label, header, delimiter, quote, encoding } = data;
  const columns = columnsOf(features);
  const layout = { header, delimiter, quote, encoding };
  if (gives === 'pairs') {
    return { text: data.source!, ...layout, label: data.target, labels: 'text' };
  }
  return {
    text,
    ...layout,
    ...(target !== 'next token' && { label }),
    ...(target === 'number' && { labels: 'number' as const, decimalMark: data.decimalMark }),
    ...(target === 'labels' && { labelSeparator: data.labelSeparator }),
    ...(gives === 'tokens' && { tagged: true }),
    ...(columns.length > 0 && { columns }),
  };
}

/** What of pairs changes a store. */
async function describePairs(config: Config, vocabulary?: KnownVocabulary): Promise<object> {
  const { sharedVocabulary, maxSourceLength, maxRatio } = config.data;
  const sourceTokenizer = vocabulary
    ? vocabulary.sourceTokenizer
    : await describeOwn(config, 'sourceTokenizer');
  return { sourceTokenizer, sharedVocabulary, maxSourceLength, maxRatio };
}

/** A tokenizer of a config; nothing where it names none. */
async function describeOwn(config: Config, key: 'tokenizer' | 'sourceTokenizer'): Promise<unknown> {
  const options = config.data[key];
  if (options === undefined) return undefined;
  return describeTokenizer(options, introduce(config, ['data', key, 'file']), `data.${key}.file`);
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
  key = 'data.tokenizer.file',
): Promise<unknown> {
  if (options.kind !== 'bpe' || options.file === undefined) return options;
  const { path } = await findFile(options.file, `${place}${key}`);
  const content = await readFile(path);
  return { kind: options.kind, file: createHash('sha256').update(content).digest('hex') };
}

/** SHA-256 of a value as JSON, in hexadecimal; the keys' order counts. */
export function hash(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
