import type { TokenizerConfig } from '../data/tokenizers/options.js';
import type { Tokenizer } from '../data/tokenizers/tokenizer.js';
import { PURPOSE, uniform } from '../tensor/random.js';
import type { GenerateOptions } from '../train/trained-model.js';

/** How a model that writes text goes on. */

/** Ids that are never drawn: padding, and the unknown token, which is no text, unless the corpus has it as a word. */
export function undrawn(config: TokenizerConfig, tokenizer: Tokenizer): ReadonlySet<number> {
  const isWord = config.kind === 'word' && config.unknownToken !== undefined;
  return new Set(isWord ? [0] : [0, tokenizer.emptyToken]);
}

/**
 * Draws a token id.
 *
 * @param left ids that are not drawn
 * @param index of the draw
 * @param stream of random numbers that draws with the same index share
 */
export function draw(
  probabilities: Float32Array | Float64Array,
  left: ReadonlySet<number>,
  { temperature, topK, seed }: Pick<GenerateOptions, 'temperature' | 'topK' | 'seed'>,
  index: number,
  stream = 0,
): number {
  const ids = Array.from(probabilities.keys()).filter((id) => !left.has(id));
  ids.sort((a, b) => probabilities[b]! - probabilities[a]! || a - b);
  const power = 1 / temperature;
  // Of a temperature of next to nothing as of 0: no number is its power.
  if (!Number.isFinite(power)) return ids[0]!;
  const kept = topK > 0 ? ids.slice(0, topK) : ids;
  // By the likeliest: powers of small probabilities would all be 0.
  const highest = probabilities[kept[0]!]!;
  // What is left out has all the probability.
  if (highest === 0) return kept[0]!;
  const weights = kept.map((id) => (probabilities[id]! / highest) ** power);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let rest = uniform(seed, PURPOSE.sampling, stream, index) * total;
  for (const [place, weight] of weights.entries()) {
    rest -= weight;
    if (rest < 0) return kept[place]!;
  }
  return kept.at(-1)!;
}
