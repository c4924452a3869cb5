import { numberDistinct, type DistinctLayout } from './distinct-layout.js';
import type { RawBatch } from './raw-batch.js';

/**
 * The letters of a batch's distinct spellings, one spelling behind the other in the order of their numbers: a small batch within the
 * batch, whose rows are spellings.
 */
export interface SpellingLayout {
  /** [spellings + 1]: where the letters of each begin. */
  letterStart: Int32Array;
  /** [2]: 0 and the number of letters, as one segment. */
  letterRange: Int32Array;
  /** [letters]: each one's own number: they lie in order. */
  letterPlaces: Int32Array;
  /** [letters]: place of the letter before and behind each one, behind all places where there is none. */
  letterBefore: Int32Array;
  letterBehind: Int32Array;
}

/** Where the hash of a spelling begins, and by what it is multiplied for each letter. */
const HASH_START = 0x811c_9dc5;
const HASH_FACTOR = 0x0100_0193;

/**
 * Gives the spellings of a batch numbers and lays their letters out. A token's letters stand in as many numbers as it may have: 0 for
 * none, else a letter's id plus one. Allocates what the largest batch needs once.
 */
export class Speller {
  readonly #ids: Int32Array;
  /** The token that has each spelling first, in the batch as it was read. */
  readonly #firsts: Int32Array;
  /** Spellings by their hashes, −1 for none; twice as many places as there may be spellings. */
  readonly #table: Int32Array;

  /** @param most letters of a token */
  constructor(
    private readonly most: number,
    private readonly maxTokens: number,
  ) {
    this.#ids = new Int32Array(maxTokens);
    this.#firsts = new Int32Array(maxTokens);
    this.#table = new Int32Array(2 ** Math.ceil(Math.log2(2 * maxTokens + 1)));
  }

  /**
   * Which spelling each token of a batch has, by numbers in the order in which they stand there.
   *
   * @param letters of its tokens. [tokens, most]
   */
  number({ rows, rowStart }: RawBatch, letters: Int32Array): Int32Array {
    const [ids, firsts, table] = [this.#ids, this.#firsts, this.#table];
    table.fill(-1);
    let count = 0;
    for (let token = rowStart[0]!; token < rowStart[rows]!; token++) {
      let at = this.#hash(letters, token) & (table.length - 1);
      let id = table[at]!;
      while (id >= 0 && !this.#isSame(letters, firsts[id]!, token)) {
        at = (at + 1) & (table.length - 1);
        id = table[at]!;
      }
      if (id < 0) {
        id = count++;
        table[at] = id;
        firsts[id] = token;
      }
      ids[token] = id;
    }
    return ids;
  }

  #hash(letters: Int32Array, token: number): number {
    let hash = HASH_START;
    const begin = token * this.most;
    for (let i = begin; i < begin + this.most && letters[i]! > 0; i++) {
      hash = Math.imul(hash ^ letters[i]!, HASH_FACTOR);
    }
    return hash ^ (hash >>> 15);
  }

  #isSame(letters: Int32Array, one: number, other: number): boolean {
    for (let i = 0; i < this.most; i++) {
      const letter = letters[one * this.most + i]!;
      if (letter !== letters[other * this.most + i]!) return false;
      if (letter === 0) return true;
    }
    return true;
  }

  /**
   * Lays the letters out.
   *
   * @param letters as `number` was given them
   * @param spelled the stream of the spellings, whose ids are those of `number`
   * @param distinct becomes the stream of the letters
   */
  layOut(
    letters: Int32Array,
    spelled: DistinctLayout,
    distinct: DistinctLayout,
    out: SpellingLayout,
  ): void {
    const { letterStart, letterRange, letterPlaces, letterBefore, letterBehind } = out;
    const beyond = this.most * this.maxTokens;
    const spellings = spelled.distinctRange[1]!;
    let next = 0;
    for (let spelling = 0; spelling < spellings; spelling++) {
      const begin = this.#firsts[spelled.distinctIds[spelling]!]! * this.most;
      const start = next;
      letterStart[spelling] = start;
      // Whatever has no letter has an unknown one.
      for (let i = 0; i < this.most && (i === 0 || letters[begin + i]! > 0); i++) {
        distinct.distinctOf[next] = Math.max(0, letters[begin + i]! - 1);
        letterPlaces[next] = next;
        letterBefore[next] = i === 0 ? beyond : next - 1;
        letterBehind[next] = next + 1;
        next++;
      }
      letterBehind[next - 1] = beyond;
    }
    letterStart[spellings] = next;
    letterRange[1] = next;
    numberDistinct(distinct, letterPlaces, next);
  }
}
