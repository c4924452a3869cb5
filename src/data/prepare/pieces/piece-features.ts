import { VarintReader, VarintWriter } from '../../tokenizers/varints.js';
import type { PieceFile } from './piece.js';

/** Values of features of a piece's tokens: row by row, of each feature one a token, as numbers of the values that the piece has. */

/** Gathers them in memory. */
export class FeatureWriter {
  readonly #numbers = new VarintWriter();
  /** By feature, in the order of their numbers. */
  #values: Map<string, number>[] = [];

  /** Takes the values of a row: of each feature, one a token. */
  addRow(features: readonly (readonly string[])[]): void {
    features.forEach((values, feature) => {
      const known = (this.#values[feature] ??= new Map<string, number>());
      for (const value of values) {
        let number = known.get(value);
        if (number === undefined) {
          number = known.size;
          known.set(value, number);
        }
        this.#numbers.push(number);
      }
    });
  }

  /** The sections of the piece. */
  get sections(): { features: Uint8Array; featureValues: Uint8Array } {
    const values = this.#values.map((known) => [...known.keys()]);
    return {
      features: this.#numbers.bytes,
      featureValues: Buffer.from(values.length > 0 ? JSON.stringify(values) : ''),
    };
  }

  clear(): void {
    this.#numbers.clear();
    this.#values = [];
  }
}

/** Reads what a FeatureWriter wrote, row by row. */
export class FeatureNumbers {
  /** By feature, in the order of their numbers. */
  readonly values: readonly (readonly string[])[];
  readonly #reader: VarintReader;
  readonly #numbers: Uint32Array[];

  constructor(piece: PieceFile) {
    const json = piece.read('featureValues').toString();
    this.values = json === '' ? [] : (JSON.parse(json) as string[][]);
    this.#reader = new VarintReader(piece.read('features'));
    this.#numbers = this.values.map(() => new Uint32Array(0));
  }

  /** The numbers of the next row, by feature: from the start of arrays that are good until the next row. */
  read(tokens: number): readonly Uint32Array[] {
    this.#numbers.forEach((numbers, feature) => {
      if (numbers.length < tokens) this.#numbers[feature] = new Uint32Array(2 * tokens);
      this.#reader.read(this.#numbers[feature]!, tokens);
    });
    return this.#numbers;
  }
}
