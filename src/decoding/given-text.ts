import { extend, type Path } from './path.js';
import type { Found, NextTokens, Search } from './search.js';

/** −ln p of what float32 has no number for: the least that it has, so that one token does not make a mean infinite. */
const MOST_LOSS = 149 * Math.LN2;

/** A text that is given instead of searched: tells how likely each of its tokens is behind those before it. */
export class GivenText implements Search {
  readonly parents: readonly number[] = [0];
  /** Sum of −ln p over all tokens. */
  crossEntropy = 0;
  /** Tokens that were the likeliest. */
  correct = 0;
  #path: Path | undefined;
  #length = 0;

  /** @param tokens ids, the end of the text among them; at least one */
  constructor(private readonly tokens: ArrayLike<number>) {}

  get live(): readonly (Path | undefined)[] {
    return this.#length < this.tokens.length ? [this.#path] : [];
  }

  needsAll(): boolean {
    return true;
  }

  advance(next: NextTokens): void {
    const probabilities = next.probabilities!(0);
    const token = this.tokens[this.#length]!;
    const probability = probabilities[token]!;
    this.crossEntropy += Math.min(MOST_LOSS, -Math.log(probability));
    if (indexOfMost(probabilities) === token) this.correct += 1;
    this.#path = extend(this.#path, token, probability, undefined);
    this.#length += 1;
  }

  results(): Found[] {
    return [];
  }
}

/** Of equals the first. */
function indexOfMost(values: ArrayLike<number>): number {
  let most = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[most]!) most = i;
  return most;
}
