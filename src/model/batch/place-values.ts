import type { BatchLayout } from './batch-layout.js';
import type { RawBatch } from './raw-batch.js';

/** What is known of the rows and tokens of a batch goes to where these lie. */

/** Brings the words of each row's target to where the row lies. */
export function copyTargets(
  { rows, labels }: RawBatch,
  { rowSource, targets }: BatchLayout,
  words: number,
): void {
  for (let row = 0; row < rows; row++) {
    const [to, from] = [row * words, rowSource[row]! * words];
    for (let word = 0; word < words; word++) targets[to + word] = labels[from + word]!;
  }
}

/** Brings the values of a feature to where the tokens lie. */
export function placeFeature(
  batch: RawBatch,
  values: Int32Array,
  { rowStart, rowSource, tokenPlaces }: BatchLayout,
  to: Int32Array,
): void {
  for (let row = 0; row < batch.rows; row++) {
    const source = batch.rowStart[rowSource[row]!]!;
    const [begin, end] = [rowStart[row]!, rowStart[row + 1]!];
    for (let token = begin; token < end; token++) {
      to[tokenPlaces[token]!] = values[source + token - begin]!;
    }
  }
}
