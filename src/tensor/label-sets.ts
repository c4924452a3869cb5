/** Sets of labels as bits: label c is bit c % 32 of word c / 32. Words are int32, as all of a batch is. */

export const WORD_BITS = 32;

/** Words of a set of some of so many labels. */
export function wordsOf(labels: number): number {
  return Math.ceil(labels / WORD_BITS);
}

/** Whether a set has a label, by the label's word of it. */
export function hasLabel(word: number, label: number): boolean {
  return ((word >>> (label % WORD_BITS)) & 1) === 1;
}

/** The label's word of a set, with the label. */
export function withLabel(word: number, label: number): number {
  return word | (1 << (label % WORD_BITS));
}

/** Adds a label to the set whose words begin at `at`. */
export function addLabel(sets: Int32Array, at: number, label: number): void {
  sets[at + Math.floor(label / WORD_BITS)]! |= 1 << (label % WORD_BITS);
}
