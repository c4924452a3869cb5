import type { Config } from '../config/schema.js';
import { UserError } from '../errors.js';
import { readSource } from './examples.js';
import type { CorpusPlan, PlannedSource } from './plan.js';
import type { PrepareProgress } from './progress.js';
import { cutStream, dealRows } from './split.js';
import { alignPieces, cutPieces, measureStream, readStream } from './stream.js';
import { createTokenCounter, trainTokenizer } from './tokenizers/kinds.js';
import type { TokenCounter, Tokenizer } from './tokenizers/tokenizer.js';

/** What is learned from the training split before anything is encoded. */
export interface Vocabulary {
  readonly tokenizer: Tokenizer;
  /** Names in the order of their ids, which is by code units; empty for language models. */
  readonly classes: string[];
  /** Where the validation and the test part of each training stream begin; language models. */
  readonly cuts: ReadonlyMap<PlannedSource, StreamCuts>;
}

/** In characters from the start; infinite where nothing is cut. */
export interface StreamCuts {
  readonly validation: number;
  readonly test: number;
}

/** Of a stream that belongs to one split as a whole. */
export const uncut: StreamCuts = { validation: Infinity, test: Infinity };

/** Reads the training split once and learns its tokens and classes. */
export async function learnVocabulary(
  config: Config,
  plan: CorpusPlan,
  progress: PrepareProgress,
): Promise<Vocabulary> {
  const sources = plan.sources.filter(({ from }) => from === 'train');
  const counter = createTokenCounter(config.data.tokenizer);
  return config.task === 'classify'
    ? learnRows(config, plan, sources, counter, progress)
    : learnStreams(config, plan, sources, counter, progress);
}

async function learnRows(
  { data }: Config,
  { fractions }: CorpusPlan,
  sources: PlannedSource[],
  counter: TokenCounter | undefined,
  progress: PrepareProgress,
): Promise<Vocabulary> {
  progress.begin('vocabulary', totalBytes(sources));
  const classes = new Set<string>();
  let rows = 0;
  for (const source of sources) {
    const splitOf = dealRows(source.name, fractions);
    for await (const { rows: examples } of readSource(source, data, undefined, progress.observe)) {
      for (const { text, label, row } of examples) {
        rows += 1;
        if (splitOf(row) !== 'train') continue;
        counter?.add(text);
        classes.add(label!);
      }
      progress.rows = rows;
    }
  }
  requireTraining(rows, classes);
  return {
    tokenizer: trainTokenizer(data.tokenizer, counter?.counts ?? new Map()),
    classes: Array.from(classes).sort(),
    cuts: new Map(),
  };
}

function requireTraining(rows: number, classes: ReadonlySet<string>): void {
  if (rows === 0) throw new UserError('data.train has no rows: the corpus is empty.');
  if (classes.size === 0) {
    throw new UserError(
      `data.train has ${rows} rows, and data.validation and data.test take all of them: expected more rows or smaller fractions.`,
    );
  }
  if (classes.size === 1) {
    const [only] = classes;
    throw new UserError(
      `The training rows have one class only, ${JSON.stringify(only)}: expected at least two.`,
    );
  }
}

async function learnStreams(
  { data }: Config,
  { fractions }: CorpusPlan,
  sources: PlannedSource[],
  counter: TokenCounter | undefined,
  progress: PrepareProgress,
): Promise<Vocabulary> {
  const cuts = new Map<PlannedSource, StreamCuts>();
  if (fractions.validation > 0 || fractions.test > 0) {
    progress.begin('vocabulary', totalBytes(sources));
    for (const source of sources) {
      const length = await measureStream(readStream(source, data.text, progress.observe));
      cuts.set(source, cutStream(length, fractions));
    }
  }
  if (counter !== undefined) {
    progress.begin('vocabulary', totalBytes(sources));
    for (const source of sources) {
      const stream = readStream(source, data.text, progress.observe);
      const pieces = cutPieces(stream, cuts.get(source) ?? uncut);
      for await (const { split, text } of alignPieces(pieces, (each) => counter.cut(each))) {
        if (split !== 'train') break;
        counter.add(text);
      }
    }
  }
  return {
    tokenizer: trainTokenizer(data.tokenizer, counter?.counts ?? new Map()),
    classes: [],
    cuts,
  };
}

/** Bytes on disk of the given sources. */
export function totalBytes(sources: readonly PlannedSource[]): number {
  return sources.reduce((total, { stamp }) => total + stamp.bytes, 0);
}
