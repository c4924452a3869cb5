import { VarintWriter } from '../../tokenizers/varints.js';
import { WordTable } from '../../tokenizers/word-table.js';

/** Of a feature of a piece's tokens: the values that the piece has, and the number of each token's value. */
export interface FeatureStream {
  readonly values: WordTable;
  readonly numbers: VarintWriter;
}

/** Gathers the values of features of a piece's tokens in memory: streams like that of the tokens themselves. */
export class FeatureWriter {
  /** By feature. */
  readonly streams: readonly FeatureStream[];
  /** Numbers by value, which are found sooner than in the tables. */
  readonly #known: Map<string, number>[];

  constructor(features: number) {
    this.streams = Array.from({ length: features }, () => ({
      values: new WordTable(),
      numbers: new VarintWriter(),
    }));
    this.#known = this.streams.map(() => new Map<string, number>());
  }

  /** Takes the values of the next tokens: of each feature, one a token. */
  add(features: readonly (readonly string[])[]): void {
    this.streams.forEach(({ values: table, numbers }, feature) => {
      const known = this.#known[feature]!;
      for (const value of features[feature]!) {
        let number = known.get(value);
        if (number === undefined) {
          const letters = Buffer.from(value);
          number = table.add(letters, 0, letters.length);
          known.set(value, number);
        }
        numbers.push(number);
      }
    });
  }

  clear(): void {
    for (const { values, numbers } of this.streams) {
      values.clear();
      numbers.clear();
    }
    for (const known of this.#known) known.clear();
  }
}
