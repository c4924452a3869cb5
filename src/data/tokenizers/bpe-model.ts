import { alphabet } from './bpe-alphabet.js';
import { Heap } from './heap.js';

/** The vocabulary and merges of a tokenizer.json, ready for merging. */
export class BpeModel {
  readonly #ids: ReadonlyMap<string, number>;
  /** Id of each byte; -1 for a byte that the vocabulary lacks, which is dropped. */
  readonly #bytes: Int32Array;
  /** Rank and merged id by the pair's key. */
  readonly #merges = new Map<number, Merge>();
  readonly #ignoreMerges: boolean;
  readonly #size: number;

  /**
   * @param ids Of each token, written in the alphabet of bytes.
   * @param merges Pairs of tokens, the first one to merge first.
   * @param ignoreMerges Whether a word that is a token as a whole is taken as one.
   * @throws RangeError for a merge whose tokens are not in the vocabulary.
   */
  constructor(
    ids: ReadonlyMap<string, number>,
    merges: readonly (readonly [string, string])[],
    ignoreMerges: boolean,
  ) {
    this.#ids = ids;
    this.#ignoreMerges = ignoreMerges;
    this.#bytes = Int32Array.from(alphabet, (character) => ids.get(character) ?? -1);
    let size = 0;
    for (const id of ids.values()) size = Math.max(size, id + 1);
    this.#size = size;
    merges.forEach(([left, right], rank) => {
      const pair = [left, right, left + right].map((token) => ids.get(token));
      const [leftId, rightId, id] = pair;
      if (leftId === undefined || rightId === undefined || id === undefined) {
        throw new RangeError(
          `merge ${rank + 1} (${JSON.stringify(`${left} ${right}`)}) has a token that is not in the vocabulary`,
        );
      }
      this.#merges.set(leftId * size + rightId, { rank, id });
    });
  }

  /** The ids of a word, given as its bytes: the merge of lowest rank first, leftmost first. */
  encode(word: Uint8Array): number[] {
    if (this.#ignoreMerges) {
      const whole = this.#ids.get(Array.from(word, (byte) => alphabet[byte]).join(''));
      if (whole !== undefined) return [whole];
    }
    const ids: number[] = [];
    for (const byte of word) {
      const id = this.#bytes[byte]!;
      if (id >= 0) ids.push(id);
    }
    return ids.length < 32 ? this.#mergeShort(ids) : this.#mergeLong(ids);
  }

  #find(left: number, right: number): Merge | undefined {
    return this.#merges.get(left * this.#size + right);
  }

  /** Looks for the next merge in the whole word each time: the quickest way for common words. */
  #mergeShort(ids: number[]): number[] {
    for (;;) {
      let best: Merge | undefined;
      let at = 0;
      for (let i = 0; i + 1 < ids.length; i++) {
        const merge = this.#find(ids[i]!, ids[i + 1]!);
        if (merge === undefined || (best !== undefined && merge.rank >= best.rank)) continue;
        best = merge;
        at = i;
      }
      if (best === undefined) return ids;
      ids.splice(at, 2, best.id);
    }
  }

  /** Keeps the possible merges in a heap, so that a word of a million bytes takes seconds. */
  #mergeLong(ids: number[]): number[] {
    const length = ids.length;
    const next = Int32Array.from(ids, (_, i) => i + 1);
    const previous = Int32Array.from(ids, (_, i) => i - 1);
    const heap = new Heap<Candidate>(
      (a, b) => a.merge.rank - b.merge.rank || a.position - b.position,
    );
    const consider = (position: number): void => {
      if (position < 0 || next[position]! >= length) return;
      const merge = this.#find(ids[position]!, ids[next[position]!]!);
      if (merge !== undefined) heap.push({ merge, position });
    };
    for (let i = 0; i + 1 < length; i++) consider(i);
    for (let top = heap.pop(); top !== undefined; top = heap.pop()) {
      const { merge, position } = top;
      const second = next[position]!;
      // The pair may have been taken apart by an earlier merge.
      if (ids[position]! < 0 || second >= length) continue;
      if (this.#find(ids[position]!, ids[second]!) !== merge) continue;
      ids[position] = merge.id;
      ids[second] = -1;
      next[position] = next[second]!;
      if (next[position] < length) previous[next[position]] = position;
      consider(previous[position]!);
      consider(position);
    }
    return ids.filter((id) => id >= 0);
  }
}

interface Merge {
  readonly rank: number;
  readonly id: number;
}

interface Candidate {
  readonly merge: Merge;
  /** Of the left symbol. */
  readonly position: number;
}
