import { PANEL, type FloatArray } from './heap.js';

/** Eight bytes at a time: of half a million numbers a step that is half the time. */
function wordsOf({ buffer, byteOffset, byteLength }: FloatArray): Float64Array {
  return new Float64Array(buffer, byteOffset, byteLength / 8);
}

/**
 * Copies lines of panels, 16 values each, from one array to another of the same kind.
 *
 * All positions are in values; a step is how far behind one line the next begins.
 */
export class LineCopies {
  readonly #from: Float64Array;
  readonly #to: Float64Array;
  /** Values of a word. */
  readonly #values: number;

  constructor(from: FloatArray, to: FloatArray) {
    [this.#from, this.#to] = [wordsOf(from), wordsOf(to)];
    this.#values = 8 / from.BYTES_PER_ELEMENT;
  }

  copy(count: number, from: number, fromStep: number, to: number, toStep: number): void {
    const source = this.#from;
    const target = this.#to;
    const values = this.#values;
    const words = PANEL / values;
    let begin = from / values;
    let place = to / values;
    for (let line = 0; line < count; line++) {
      for (let word = 0; word < words; word++) target[place + word] = source[begin + word]!;
      begin += fromStep / values;
      place += toStep / values;
    }
  }
}

/** Makes lines zeros. */
export function clearLines(values: FloatArray, count: number, start: number, step: number): void {
  for (let line = 0, at = start; line < count; line++, at += step) values.fill(0, at, at + PANEL);
}
