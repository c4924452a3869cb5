import { TextBytes } from '../../tokenizers/text-bytes.js';
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
  /** The words whose values have been found, and by feature the numbers of these. */
  readonly #words = new WordTable();
  readonly #numbersOf: number[][];
  readonly #text = new TextBytes();

  constructor(features: number) {
    this.streams = Array.from({ length: features }, () => ({
      values: new WordTable(),
      numbers: new VarintWriter(),
    }));
    this.#known = this.streams.map(() => new Map<string, number>());
    this.#numbersOf = this.streams.map(() => []);
  }

  /** Takes the values of the next tokens: of each feature, one a token. */
  add(features: readonly (readonly string[])[]): void {
    this.streams.forEach(({ values: table, numbers }, feature) => {
      const known = this.#known[feature]!;
      for (const value of features[feature]!) {
        let number = known.get(value);
        if (number === undefined) {
          number = this.#enter(table, value);
          known.set(value, number);
        }
        numbers.push(number);
      }
    });
  }

  /**
   * Takes a word as the next token: `bytes[start, end)`, and its hash (see `hashWord`).
   *
   * @param valuesOf tells of a word the value of each feature; once for each word that a piece has
   */
  addWord(
    bytes: Uint8Array,
    start: number,
    end: number,
    code: number,
    valuesOf: (word: string) => readonly string[],
  ): void {
    const known = this.#words.size;
    const word = this.#words.addHashed(bytes, start, end, code);
    if (word === known) {
      valuesOf(this.#words.word(word)).forEach((value, feature) => {
        this.#numbersOf[feature]!.push(this.#enter(this.streams[feature]!.values, value));
      });
    }
    const { streams } = this;
    for (let feature = 0; feature < streams.length; feature++) {
      streams[feature]!.numbers.push(this.#numbersOf[feature]![word]!);
    }
  }

  #enter(table: WordTable, value: string): number {
    this.#text.set(value);
    return table.add(this.#text.bytes, 0, this.#text.length);
  }

  clear(): void {
    for (const { values, numbers } of this.streams) {
      values.clear();
      numbers.clear();
    }
    for (const known of this.#known) known.clear();
    this.#words.clear();
    for (const numbers of this.#numbersOf) numbers.length = 0;
  }
}
