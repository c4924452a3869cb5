import type { Config } from '../../../config/schema.js';
import { taskOf, type TaskKind } from '../../../tasks/registry.js';
import { readSource } from '../../formats/examples.js';
import type { CorpusPlan } from '../plan.js';
import type { PlannedSource } from '../plan-sources.js';
import { dealRows, type Fractions } from './split.js';
import type { BytesObserver } from '../../input/source-text.js';
import { readStreamText } from '../../input/stream-text.js';
import { trainBpe } from '../../tokenizers/bpe-training.js';
import type { SerializedBpe } from '../../tokenizers/serialized.js';
import { count, type Tally } from './tally.js';

export interface BpeInput {
  readonly task: TaskKind;
  readonly plan: CorpusPlan;
  readonly tokenizer: Extract<Config['data']['tokenizer'], { kind: 'bpe' }>;
  /** Where rows are pairs. */
  readonly texts?: PairTexts;
}

/** Which texts of pairs. */
export type PairTexts = 'sources' | 'targets' | 'both';

/**
 * Learns the merges of a `bpe` tokenizer from the training split, or reads its file. They come before
 * all else, because texts are cut by them.
 */
export async function learnBpe(
  { task, plan, tokenizer, texts }: BpeInput,
  tally: Tally,
): Promise<SerializedBpe> {
  const observe: BytesObserver = (bytes) => count(tally, 'bytes', bytes.length);
  return trainBpe(readTrainingTexts(task, plan, observe, texts), tokenizer);
}

async function* readTrainingTexts(
  task: TaskKind,
  plan: CorpusPlan,
  observe: BytesObserver,
  texts?: PairTexts,
): AsyncGenerator<string, void, undefined> {
  for (const source of plan.sources) {
    if (source.from !== 'train') continue;
    if (taskOf(task).rows === 'apart') yield* readRowTexts(source, plan, observe, texts);
    else yield* readStart(source, plan, observe);
  }
}

async function* readRowTexts(
  source: PlannedSource,
  { reading, fractions }: CorpusPlan,
  observe: BytesObserver,
  texts?: PairTexts,
): AsyncGenerator<string, void, undefined> {
  const splitOf = dealRows(source.name, fractions);
  // Bad rows are dealt with when the source is cut.
  const options = { ...reading, onBadRow: 'skip' } as const;
  for await (const { rows } of readSource(source, options, undefined, observe)) {
    for (const { text, label, row } of rows) {
      if (splitOf(row) !== 'train') continue;
      if (texts !== 'targets') yield text;
      if (texts === 'targets' || texts === 'both') yield label!;
    }
  }
}

/**
 * The text of a stream up to where validation begins, by characters: tokens, by which it is cut, are
 * not known yet.
 */
async function* readStart(
  source: PlannedSource,
  { reading, fractions }: CorpusPlan,
  observe: BytesObserver,
): AsyncGenerator<string, void, undefined> {
  let left = await measureStart(source, reading, fractions);
  for await (const text of readStream(source, reading, observe)) {
    if (text.length > left) {
      yield text.slice(0, left);
      return;
    }
    yield text;
    left -= text.length;
  }
}

async function measureStart(
  source: PlannedSource,
  reading: CorpusPlan['reading'],
  { validation, test }: Fractions,
): Promise<number> {
  if (validation + test === 0) return Infinity;
  let length = 0;
  for await (const text of readStream(source, reading)) length += text.length;
  return Math.floor(length * (1 - validation - test));
}

async function* readStream(
  source: PlannedSource,
  reading: CorpusPlan['reading'],
  observe?: BytesObserver,
): AsyncGenerator<string, void, undefined> {
  if (source.format === 'text') {
    const parts = readStreamText(source, reading, () => undefined, undefined, observe);
    for await (const { text } of parts) yield text;
    return;
  }
  const options = { ...reading, onBadRow: 'skip' } as const;
  for await (const { rows } of readSource(source, options, undefined, observe)) {
    yield rows.map(({ text }) => `${text}\n`).join('');
  }
}
