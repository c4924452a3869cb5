import type { Config } from '../../config/schema.js';
import { UserError } from '../../errors.js';
import { taskOf } from '../../tasks/registry.js';
import { type FeatureVocabulary, featuresOf, learnFeature } from '../features/features.js';
import { tokenizerOf } from './given-tokens.js';
import type { KnownVocabulary } from './plan.js';
import { tokenizerFromJson, trainTokenizer } from '../tokenizers/kinds.js';
import type { TokenizerConfig } from '../tokenizers/options.js';
import type { CuttingOptions } from '../tokenizers/local-cutter.js';
import type { Tokenizer } from '../tokenizers/tokenizer.js';
import type { TargetScale } from '../../tasks/target-scale.js';
import { type ExactSums, joinSums, noNumbers, onlyNumber, scaleOf } from './work/exact-sums.js';
import type { Repeats } from './work/duplicates.js';
import type { BuildJob } from './work/job.js';
import { byPlace, type MergedWord, type MergeInput, rankingOf } from './work/merge.js';
import { buckets, SOURCE_STREAM, wordsOf } from './pieces/piece.js';
import { inOrder, type PreparePool } from './pool.js';
import { counted } from '../../system/counted.js';

/** The coordinator's side of the second stage: what is learned from the training split. */

export interface Vocabulary {
  readonly tokenizer: Tokenizer;
  /** Of pairs that of the sources, be it the same. */
  readonly sourceTokenizer?: Tokenizer | undefined;
  /** Names in the order of their ids, which is by code units; empty for language models. */
  readonly classes: readonly string[];
  /** Where rows have numbers. */
  readonly targetScale?: TargetScale | undefined;
  readonly features: readonly FeatureVocabulary[];
  /** Different words or characters in the training split; null where none were counted. */
  readonly distinctTokens: number | null;
  readonly distinctSourceTokens?: number | null;
}

/** How texts were cut; of `bpe` that is the vocabulary. */
export interface Cutting {
  readonly tokenizer: CuttingOptions;
  /** Of pairs their sources. */
  readonly sourceTokenizer?: CuttingOptions | undefined;
}

/** Entries of dictionaries, or rows, that one task brings together in memory. */
const mergedAtOnce = 1 << 20;

/**
 * Counts the training split and makes the vocabulary and the list of classes.
 *
 * @param path Of the job's file.
 * @throws UserError where there is nothing to learn from.
 */
export async function learnVocabulary(
  config: Config,
  job: BuildJob,
  path: string,
  pool: PreparePool,
  cutting: Cutting,
): Promise<Vocabulary> {
  const classes = new Set<string>();
  const hasWordsOf = (stream: number): boolean =>
    job.pieces.some(({ record }) => wordsOf(record, stream) > 0);
  const hasWords = hasWordsOf(0);
  const { target, per, rows: dealt } = taskOf(job.task);
  const hasTargets = target !== 'next token';
  let numbers = noNumbers;
  let rows = 0;
  const hasSourceWords = job.pairs !== undefined && hasWordsOf(SOURCE_STREAM);
  if (hasWords || hasSourceWords || dealt === 'apart') {
    await inOrder(
      job.pieces.map((_, index) => index).filter((index) => job.pieces[index]!.from === 'train'),
      pool.workers,
      async (index) => ({ index, ...(await pool.run('count', { job: path, index })) }),
      ({ index, labels, numbers: some, rows: own }) => {
        numbers = joinSums(numbers, some);
        rows += own;
        job.pieces[index]!.record.labels.forEach((name, i) => {
          if (labels[i]! > 0) classes.add(name);
        });
      },
    );
  }
  if (dealt === 'apart') requireTraining(job, rows);
  if (target === 'labels') requireLabels(config, classes);
  if (hasTargets && (per === 'token' || target === 'labels')) {
    // Rare ones stand in held-out rows alone: they have a place, though nothing is learned of them.
    for (const { record } of job.pieces) record.labels.forEach((name) => classes.add(name));
  }
  if (target === 'class') requireClasses(job, classes);
  const targetScale = target === 'number' ? requireScale(numbers) : undefined;
  const learn = async (
    options: TokenizerConfig,
    cut: CuttingOptions,
    streams: readonly number[],
  ): Promise<{ tokenizer: Tokenizer; distinct: number | null }> => {
    const isCounted = streams.some(hasWordsOf);
    const merged = isCounted ? await learnWords(options, streams, job, path, pool) : nothing;
    merged.words.sort(byPlace);
    const tokenizer =
      cut.kind === 'bpe' ? tokenizerFromJson(cut) : trainTokenizer(options, countsOf(merged));
    return { tokenizer, distinct: isCounted ? merged.distinct : null };
  };
  const isShared = config.data.sharedVocabulary === true;
  const own = tokenizerOf(config);
  const learned = await learn(own, cutting.tokenizer, isShared ? [0, SOURCE_STREAM] : [0]);
  const ofSources =
    cutting.sourceTokenizer === undefined
      ? undefined
      : isShared
        ? learned
        : await learn(config.data.sourceTokenizer ?? own, cutting.sourceTokenizer, [SOURCE_STREAM]);
  return {
    tokenizer: learned.tokenizer,
    ...(ofSources && { sourceTokenizer: ofSources.tokenizer }),
    classes: Array.from(classes).sort(),
    ...(targetScale && { targetScale }),
    features: await learnFeatures(config, job, path, pool),
    distinctTokens: learned.distinct,
    ...(ofSources && { distinctSourceTokens: ofSources.distinct }),
  };
}

/** What was learned from another corpus. */
export function recallVocabulary(
  { tokenizer: json, sourceTokenizer, ...outputs }: KnownVocabulary,
  isOfPairs: boolean,
): Vocabulary {
  const tokenizer = tokenizerFromJson(json);
  return {
    tokenizer,
    ...(isOfPairs && {
      sourceTokenizer: sourceTokenizer ? tokenizerFromJson(sourceTokenizer) : tokenizer,
      distinctSourceTokens: null,
    }),
    ...outputs,
    distinctTokens: null,
  };
}

interface Merged {
  readonly words: MergedWord[];
  /** Different ones in all. */
  readonly distinct: number;
}

const nothing: Merged = { words: [], distinct: 0 };

/** @param left Rows of the training split. */
function requireTraining({ pieces, pairs }: BuildJob, left: number): void {
  const rows = pieces
    .filter(({ from }) => from === 'train')
    .reduce((sum, { record }) => sum + record.rows, 0);
  if (rows === 0) throw new UserError('data.train has no rows: the corpus is empty.');
  if (left === 0 && pairs) {
    throw new UserError(
      `data.train has ${counted(rows, 'pair')}, and none is left to train on: expected pairs that data.maxLength, data.maxSourceLength and data.maxRatio allow, and that data.validation and data.test do not take.`,
    );
  }
  if (left === 0) {
    throw new UserError(
      `data.train has ${counted(rows, 'row')}, and data.validation and data.test take all of ${rows === 1 ? 'it' : 'them'}: expected more rows or smaller fractions.`,
    );
  }
}

function requireLabels({ data }: Config, labels: ReadonlySet<string>): void {
  if (labels.size > 0) return;
  throw new UserError(
    `data.train: no row to train on has a label: is ${JSON.stringify(data.label)} the column that data.label should name?`,
  );
}

function requireClasses({ task }: BuildJob, classes: ReadonlySet<string>): void {
  if (classes.size > 1) return;
  const [only] = classes;
  throw new UserError(
    `The training rows have one ${taskOf(task).named.one} only, ${JSON.stringify(only)}: expected at least two.`,
  );
}

/** Between neighbouring float32 numbers, as a share of them. */
const FLOAT32_STEP = 2 ** -23;
/** The same of those nearest to 0. */
const SMALLEST_STEP = 2 ** -149;
/** Rounding then moves no number by more than a two-thousandth of a deviation. */
const STEPS_OF_DEVIATION = 1000;

function requireScale(numbers: ExactSums): TargetScale {
  const scale = scaleOf(numbers);
  if (scale === undefined) {
    throw new UserError(
      `The training rows all have the number ${onlyNumber(numbers)}, as float32 has it: expected different ones.`,
    );
  }
  const { mean, deviation } = scale;
  if (SMALLEST_STEP * STEPS_OF_DEVIATION > deviation) {
    throw new UserError(
      `The numbers of the training rows lie too near to 0 for float32, which knows a few digits of such: about ${deviation.toPrecision(3)} around ${mean.toPrecision(6)}: expected them in a smaller unit; multiply all of them by 1e${Math.ceil(-Math.log10(deviation))}.`,
    );
  }
  if (Math.abs(mean) * FLOAT32_STEP * STEPS_OF_DEVIATION <= deviation) return scale;
  throw new UserError(
    `The numbers of the training rows lie too near to each other for float32, about ${deviation.toPrecision(3)} around ${mean.toPrecision(6)}: expected them without what they have in common; subtract ${mean.toPrecision(6)} from all of them.`,
  );
}

function learnWords(
  tokenizer: TokenizerConfig,
  streams: readonly number[],
  job: BuildJob,
  path: string,
  pool: PreparePool,
): Promise<Merged> {
  const minCount = 'minCount' in tokenizer ? tokenizer.minCount : 1;
  // Characters with equal counts are not taken in the order of their places, but there are few.
  const limit = tokenizer.kind === 'word' ? tokenizer.vocabularySize : Infinity;
  return mergeWords({ streams, among: 'places', minCount, limit }, job, path, pool);
}

async function learnFeatures(
  { model: { features } }: Config,
  job: BuildJob,
  path: string,
  pool: PreparePool,
): Promise<FeatureVocabulary[]> {
  const learned: FeatureVocabulary[] = [];
  for (const [i, feature] of featuresOf(features).entries()) {
    const { minCount, vocabularySize: limit } = features[i]!;
    const stream = i + 1;
    const counts =
      feature.kind === 'letters'
        ? await countLetters(stream, job, path, pool)
        : countsOf(
            await mergeWords(
              { streams: [stream], among: 'code units', minCount, limit },
              job,
              path,
              pool,
            ),
          );
    learned.push(learnFeature(feature, features[i]!, counts));
  }
  return learned;
}

function countsOf({ words }: Merged): Map<string, number> {
  return new Map(words.map(({ word, count }) => [word, count]));
}

/** Of all letters: one may be rare in every range of values, and frequent in all together. */
async function countLetters(
  stream: number,
  job: BuildJob,
  path: string,
  pool: PreparePool,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  await inOrder(
    rangesOf(job, [stream]),
    pool.workers,
    (buckets) => pool.run('countLetters', { job: path, streams: [stream], buckets }),
    (found) => {
      for (const [letter, count] of found) counts.set(letter, count + (counts.get(letter) ?? 0));
    },
  );
  return counts;
}

/** The most frequent words, or values of a feature, of the training split. */
async function mergeWords(
  asked: Omit<MergeInput, 'buckets'>,
  job: BuildJob,
  path: string,
  pool: PreparePool,
): Promise<Merged> {
  const { streams, among, limit } = asked;
  const ranking = rankingOf(among);
  let words: MergedWord[] = [];
  let distinct = 0;
  await inOrder(
    rangesOf(job, streams),
    pool.workers,
    (range) => pool.run('merge', { job: path, buckets: range, ...asked }),
    (merged) => {
      distinct += merged.distinct;
      for (const word of merged.words) words.push(word);
      if (words.length > 2 * limit) words = words.sort(ranking).slice(0, limit);
    },
  );
  return { words: words.sort(ranking).slice(0, limit), distinct };
}

/** How many rows have the text of others, over all pieces. */
export async function countRepeats(
  job: BuildJob,
  path: string,
  pool: PreparePool,
): Promise<Repeats> {
  const rows = job.pieces.reduce((sum, { record }) => sum + record.rows, 0);
  const repeats = { duplicates: 0, validation: 0, test: 0 };
  if (rows === 0) return repeats;
  await inOrder(
    divideBuckets(rows),
    pool.workers,
    (range) => pool.run('countRepeats', { job: path, buckets: range }),
    (found) => {
      repeats.duplicates += found.duplicates;
      repeats.validation += found.validation;
      repeats.test += found.test;
    },
  );
  return repeats;
}

/** Ranges of the words, stream 0, or of the values of a feature. */
function rangesOf({ pieces }: BuildJob, streams: readonly number[]): (readonly [number, number])[] {
  const wordsIn = ({ record }: BuildJob['pieces'][number]): number =>
    streams.reduce((sum, stream) => sum + wordsOf(record, stream), 0);
  return divideBuckets(pieces.reduce((sum, piece) => sum + wordsIn(piece), 0));
}

/** Ranges of buckets that hold about `mergedAtOnce` of `entries` each. */
function divideBuckets(entries: number): (readonly [number, number])[] {
  const parts = Math.min(buckets, Math.max(1, Math.ceil(entries / mergedAtOnce)));
  const bound = (part: number): number => Math.floor((part * buckets) / parts);
  return Array.from({ length: parts }, (_, part) => [bound(part), bound(part + 1)] as const);
}
