import { alphabet } from './bpe-alphabet.js';
import { Heap } from './heap.js';

/** What training learns: the same for the same words and counts, whatever their order. */
export interface BpeMerges {
  /** Tokens by id: the 256 bytes in the order of their characters, then what merges make. */
  readonly tokens: string[];
  /** Pairs of tokens in the order in which they were learned. */
  readonly merges: [string, string][];
}

/** A pair that occurs once would make a token for one word. */
const leastCount = 2;
/** A pair's key is left × keyBase + right: larger than any vocabulary, and keys stay exact. */
const keyBase = 2 ** 26;

/**
 * Learns byte-pair merges: again and again the most frequent pair of neighbours becomes one token,
 * equal counts in the order of the pair's ids. The merges are those of the `tokenizers` package.
 *
 * @param words Distinct words and how often each occurs.
 * @param size Of the vocabulary to reach, the 256 bytes included; less where no pair is left that
 *   occurs twice.
 */
export function trainMerges(words: Iterable<readonly [string, number]>, size: number): BpeMerges {
  const tokens = alphabet.toSorted();
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const merges: [string, string][] = [];
  const pairs = new PairTable(words, ids);
  while (tokens.length < size) {
    const pair = pairs.takeMostFrequent();
    if (pair === undefined) break;
    const left = tokens[pair.left]!;
    const right = tokens[pair.right]!;
    const token = left + right;
    // Two pairs may make the same token.
    const id = ids.get(token) ?? tokens.length;
    if (id === tokens.length) {
      tokens.push(token);
      ids.set(token, id);
    }
    merges.push([left, right]);
    pairs.merge(pair, id);
  }
  return { tokens, merges };
}

interface Pair {
  readonly left: number;
  readonly right: number;
}

/** Counts of neighbouring tokens over all words, kept up to date as pairs are merged. */
class PairTable {
  /** Tokens of all words, one word after the other; merging shortens a word where it stands. */
  readonly #symbols: Uint32Array;
  readonly #starts: number[] = [];
  readonly #lengths: number[] = [];
  readonly #weights: number[] = [];
  readonly #counts = new Map<number, number>();
  /** Words in which a pair occurs, or once did. */
  readonly #places = new Map<number, number[]>();
  /** The largest count first, then the smallest key; counts may be out of date. */
  readonly #queue = new Heap<{ key: number; count: number }>(
    (a, b) => b.count - a.count || a.key - b.key,
  );

  constructor(words: Iterable<readonly [string, number]>, ids: ReadonlyMap<string, number>) {
    const idOfByte = alphabet.map((character) => ids.get(character)!);
    const symbols: number[] = [];
    for (const [word, weight] of words) {
      this.#starts.push(symbols.length);
      for (const byte of Buffer.from(word)) symbols.push(idOfByte[byte]!);
      this.#lengths.push(symbols.length - this.#starts.at(-1)!);
      this.#weights.push(weight);
    }
    this.#symbols = Uint32Array.from(symbols);
    const found = new Set<number>();
    this.#starts.forEach((start, word) => {
      for (let i = start; i + 1 < start + this.#lengths[word]!; i++) {
        this.#change(this.#symbols[i]!, this.#symbols[i + 1]!, 1, word, found);
      }
    });
    this.#enqueue(found);
  }

  /** The pair to merge next; it is not given again. */
  takeMostFrequent(): Pair | undefined {
    for (let top = this.#queue.pop(); top !== undefined; top = this.#queue.pop()) {
      const { key } = top;
      const count = this.#counts.get(key) ?? 0;
      if (count < leastCount) continue;
      if (count === top.count) {
        this.#counts.delete(key);
        return { left: Math.floor(key / keyBase), right: key % keyBase };
      }
      this.#queue.push({ key, count });
    }
    return undefined;
  }

  /** Replaces a pair by a token in all words. */
  merge({ left, right }: Pair, token: number): void {
    const key = left * keyBase + right;
    const places = this.#places.get(key)!;
    this.#places.delete(key);
    const found = new Set<number>();
    for (const word of places) this.#mergeIn(word, left, right, token, found);
    this.#enqueue(found);
  }

  #mergeIn(word: number, left: number, right: number, token: number, found: Set<number>): void {
    const symbols = this.#symbols;
    const start = this.#starts[word]!;
    const end = start + this.#lengths[word]!;
    let write = start;
    for (let read = start; read < end; write++) {
      if (symbols[read] !== left || read + 1 >= end || symbols[read + 1] !== right) {
        symbols[write] = symbols[read++]!;
        continue;
      }
      if (write > start) {
        this.#change(symbols[write - 1]!, left, -1, word, found);
        this.#change(symbols[write - 1]!, token, 1, word, found);
      }
      read += 2;
      if (read < end) {
        this.#change(right, symbols[read]!, -1, word, found);
        this.#change(token, symbols[read]!, 1, word, found);
      }
      symbols[write] = token;
    }
    this.#lengths[word] = write - start;
  }

  /** Counts a pair in a word once more or once less; a pair that gained is added to `found`. */
  #change(left: number, right: number, by: 1 | -1, word: number, found: Set<number>): void {
    const key = left * keyBase + right;
    const count = (this.#counts.get(key) ?? 0) + by * this.#weights[word]!;
    this.#counts.set(key, count);
    if (by < 0) return;
    found.add(key);
    const places = this.#places.get(key);
    if (places === undefined) this.#places.set(key, [word]);
    else if (places.at(-1) !== word) places.push(word);
  }

  #enqueue(keys: Iterable<number>): void {
    for (const key of keys) this.#queue.push({ key, count: this.#counts.get(key)! });
  }
}
