import type { Path } from './path.js';
import type { NextTokens, Writing } from './search.js';

/** −ln p of what float32 has no number for: the least that it has, so that one token does not make a mean infinite. */
const MOST_LOSS = 149 * Math.LN2;

/** A text that is given instead of searched: tells how likely each of its tokens is behind those before it. */
export class GivenText implements Writing {
  readonly parents: readonly number[] = [0];
  /** Sum of −ln p over all tokens. */
  crossEntropy = 0;
  /** Tokens that were the likeliest. */
  correct = 0;
  #length = 0;

  /** @param tokens ids, the end of the text among them; at least one */
  constructor(private readonly tokens: ArrayLike<number>) {}

  get live(): readonly (Pick<Path, 'token'> | undefined)[] {
    if (this.#length === this.tokens.length) return [];
    return [this.#length === 0 ? undefined : { token: this.tokens[this.#length - 1]! }];
  }

  needsAll(): boolean {
    return true;
  }

  advance(next: NextTokens, first = 0): void {
    const probabilities = next.probabilities!(first);
    const token = this.tokens[this.#length]!;
    this.crossEntropy += Math.min(MOST_LOSS, -Math.log(probabilities[token]!));
    if (indexOfMost(probabilities) === token) this.correct += 1;
    this.#length += 1;
  }
}

/** Of equals the first. */
function indexOfMost(values: ArrayLike<number>): number {
  let most = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[most]!) most = i;
  return most;
}
