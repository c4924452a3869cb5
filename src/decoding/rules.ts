import { tokensOf, type Look, type Path } from './path.js';
import type { NextTokens, TextRules } from './search.js';

/** Ids that may not follow a text; the end always may. */
export function forbiddenAfter(
  path: Path | undefined,
  { left, noRepeat }: Pick<TextRules, 'left' | 'noRepeat'>,
): ReadonlySet<number> {
  if (noRepeat === 0 || (path?.length ?? 0) < noRepeat) return left;
  const tokens = tokensOf(path);
  const begin = tokens.length - (noRepeat - 1);
  const forbidden = new Set(left);
  // Each place before at which the text has the same tokens as at its end: what followed them then may not now.
  for (let at = 0; at < begin; at++) {
    let same = 0;
    while (same < noRepeat - 1 && tokens[at + same] === tokens[begin + same]) same++;
    if (same === noRepeat - 1) forbidden.add(tokens[at + same]!);
  }
  return forbidden;
}

/** Where the network looks meanwhile, if anywhere. */
export function lookOf(
  next: NextTokens,
  place: number,
  { keepsAttention }: Pick<TextRules, 'keepsAttention'>,
): Look | undefined {
  const attention = next.attention?.(place);
  if (!attention) return undefined;
  let position = 0;
  for (let i = 1; i < attention.length; i++) {
    if (attention[i]! > attention[position]!) position = i;
  }
  return keepsAttention ? { position, attention: attention.slice() } : { position };
}

/**
 * The likeliest tokens that may follow a text, one after the other, in the order of `likeliest`: of those that are ranked beforehand, and where these do not suffice of all.
 * Where all are not told those ranked suffice, or there are no others. One serves many texts, one after the other.
 */
export class LikeliestNext {
  /** What was taken last. */
  id = -1;
  probability = 0;
  #next: NextTokens = {};
  #place = 0;
  #most = 0;
  #forbidden: ReadonlySet<number> = new Set();
  /** Of those ranked the next one, and the place behind the last. */
  #at = 0;
  #end = 0;
  #taken = 0;
  #all: readonly { id: number; probability: number }[] | undefined;

  /** @param most that are asked for */
  begin(next: NextTokens, place: number, most: number, forbidden: ReadonlySet<number>): void {
    this.#next = next;
    this.#place = place;
    this.#most = most;
    this.#forbidden = forbidden;
    this.#at = next.ranked?.startOf(place) ?? 0;
    this.#end = this.#at + (next.ranked?.ranks ?? 0);
    this.#taken = 0;
    this.#all = undefined;
  }

  /** @returns whether there is another one */
  take(): boolean {
    return this.#takeRanked() || this.#takeOfAll();
  }

  #takeRanked(): boolean {
    if (this.#at >= this.#end) return false;
    const { ids, probabilities } = this.#next.ranked!;
    while (this.#at < this.#end) {
      const at = this.#at++;
      const id = ids[at]!;
      if (id < 0) break;
      if (this.#forbidden.has(id)) continue;
      this.id = id;
      this.probability = probabilities[at]!;
      this.#taken++;
      return true;
    }
    this.#at = this.#end;
    return false;
  }

  #takeOfAll(): boolean {
    if (!this.#next.probabilities) return false;
    this.#all ??= this.#rankAll(this.#next.probabilities(this.#place));
    // Those taken of the ranked ones are the first of all.
    const likely = this.#all[this.#taken++];
    if (!likely) return false;
    this.id = likely.id;
    this.probability = likely.probability;
    return true;
  }

  #rankAll(probabilities: Float32Array | Float64Array): { id: number; probability: number }[] {
    const ids = likeliest(probabilities, this.#most, this.#forbidden);
    return ids.map((id) => ({ id, probability: probabilities[id]! }));
  }
}

/**
 * Ids of the likeliest tokens, the likeliest first, of those as likely the one with the lower id.
 *
 * @param count at most
 */
export function likeliest(
  probabilities: Float32Array | Float64Array,
  count: number,
  forbidden: ReadonlySet<number>,
): number[] {
  const ids: number[] = [];
  // Of the last one kept; next to all tokens are below it and cost no more than this look.
  let least = -1;
  for (let id = 0; id < probabilities.length; id++) {
    const probability = probabilities[id]!;
    if (!(probability > least) || forbidden.has(id)) continue;
    let place = ids.length < count ? ids.length : count - 1;
    for (; place > 0 && probabilities[ids[place - 1]!]! < probability; place--) {
      ids[place] = ids[place - 1]!;
    }
    ids[place] = id;
    if (ids.length === count) least = probabilities[ids[count - 1]!]!;
  }
  return ids;
}
