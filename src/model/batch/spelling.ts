import type { RawBatch } from './raw-batch.js';

/** Where the hash of a spelling begins, and by what it is multiplied for each letter. */
const HASH_START = 0x811c_9dc5;
const HASH_FACTOR = 0x0100_0193;

/**
 * Makes of the distinct spellings of a batch one of their own, whose rows are spellings and whose tokens their letters. A token's letters
 * stand in as many numbers as it may have: 0 for none, else a letter's id plus one. Allocates what the largest batch needs once.
 */
export class Speller {
  /** Which spelling each token has, by numbers in the order in which they stand in the batch as it was read. */
  readonly ids: Int32Array;
  /** The spellings. */
  readonly batch: RawBatch;
  /** The token that has each spelling first. */
  readonly #firsts: Int32Array;
  /** Spellings by their hashes, −1 for none; twice as many places as there may be spellings. */
  readonly #table: Int32Array;

  /** @param most letters of a token */
  constructor(
    private readonly most: number,
    maxTokens: number,
  ) {
    this.ids = new Int32Array(maxTokens);
    this.#firsts = new Int32Array(maxTokens);
    this.#table = new Int32Array(2 ** Math.ceil(Math.log2(2 * maxTokens + 1)));
    this.batch = {
      rows: 0,
      tokens: new Int32Array(most * maxTokens),
      rowStart: new Int32Array(maxTokens + 1),
      // Nobody asks for their targets.
      labels: new Int32Array(maxTokens),
      targets: new Int32Array(0),
    };
  }

  /** @param letters of the tokens of a batch. [tokens, most] */
  spell({ rows, rowStart }: RawBatch, letters: Int32Array): void {
    const [ids, firsts, table] = [this.ids, this.#firsts, this.#table];
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
        this.#addRow(id, letters, token);
      }
      ids[token] = id;
    }
    this.batch.rows = count;
  }

  #addRow(row: number, letters: Int32Array, token: number): void {
    const { tokens, rowStart } = this.batch;
    const begin = token * this.most;
    let next = rowStart[row]!;
    // Whatever has no letter has an unknown one.
    for (let i = 0; i < this.most && (i === 0 || letters[begin + i]! > 0); i++) {
      tokens[next++] = Math.max(0, letters[begin + i]! - 1);
    }
    rowStart[row + 1] = next;
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
}
