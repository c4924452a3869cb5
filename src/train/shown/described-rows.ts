import type { Corpus } from '../../data/store/corpus.js';
import type { TokenStore } from '../../data/store/token-store.js';
import type { SampleRow } from '../../events.js';
import type { Task } from '../../tasks/task.js';
import { floatOfBits } from '../../tensor/float-bits.js';
import { hasLabel, WORD_BITS } from '../../tensor/label-sets.js';
import { readStoredRow, showTags, showTokens, showWords, type StoredRow } from './row-texts.js';
import type { WatchedRow } from './row-watch.js';

/** Digits of numbers that are shown. */
const DIGITS = 6;
const LOSS_DIGITS = 4;

/** Rows of a split with what was made of them, as they are told. */
export class DescribedRows {
  readonly #target: 'pair' | 'tags' | 'class' | 'labels' | 'number';

  constructor(
    { gives, per, target }: Pick<Task, 'gives' | 'per' | 'target'>,
    private readonly corpus: Pick<Corpus, 'tokenizer' | 'sourceTokenizer' | 'classes'>,
    private readonly store: TokenStore,
  ) {
    if (gives === 'pairs') this.#target = 'pair';
    else if (per === 'token') this.#target = 'tags';
    else if (target === 'next token') throw new Error('texts have no rows');
    else this.#target = target;
  }

  async describe(rows: readonly WatchedRow[]): Promise<SampleRow[]> {
    const described: SampleRow[] = [];
    for (const watched of rows) {
      const stored = await readStoredRow(this.store, watched.row, this.#target === 'tags');
      const { row, loss } = watched;
      described.push({
        row,
        ...this.#show(stored, watched),
        ...(Number.isFinite(loss) && { loss: Number(loss.toPrecision(LOSS_DIGITS)) }),
      });
    }
    return described;
  }

  #show(
    stored: StoredRow,
    { predicted, outputs }: WatchedRow,
  ): Omit<SampleRow, 'row' | 'loss' | 'attention'> {
    const { tokenizer, sourceTokenizer = tokenizer, classes } = this.corpus;
    const text = showTokens(tokenizer, stored.tokens);
    const [label, told] = [stored.label[0]!, predicted[0]!];
    switch (this.#target) {
      case 'pair':
        return { text: showTokens(sourceTokenizer, stored.source), target: text };
      case 'tags':
        return {
          text: showWords(tokenizer, stored.tokens),
          target: showTags(this.corpus, stored.tokens, stored.tags),
          predicted: showTags(this.corpus, stored.tokens, predicted),
        };
      case 'class':
        return {
          ...{ text, target: classes[label]!, predicted: classes[told]! },
          ...withProbability(outputs![told]!),
        };
      case 'labels':
        return {
          ...{ text, target: this.#labelsOf(stored.label), predicted: this.#labelsOf(predicted) },
          ...withProbability(probabilityOfSet(predicted, outputs!)),
        };
      case 'number':
        return { text, target: showNumber(label), predicted: showNumber(told) };
    }
  }

  #labelsOf(set: Int32Array): string {
    return this.corpus.classes.filter((_, label) => isIn(set, label)).join(', ');
  }
}

function isIn(set: Int32Array, label: number): boolean {
  return hasLabel(set[Math.floor(label / WORD_BITS)]!, label);
}

/** Each label is told by itself. */
function probabilityOfSet(set: Int32Array, outputs: Float32Array): number {
  return outputs.reduce(
    (product, probability, label) => product * (isIn(set, label) ? probability : 1 - probability),
    1,
  );
}

function withProbability(probability: number): { probability?: number } {
  return Number.isFinite(probability)
    ? { probability: Number(probability.toFixed(LOSS_DIGITS)) }
    : {};
}

function showNumber(bits: number): string {
  return String(Number(floatOfBits(bits).toPrecision(DIGITS)));
}
