import { PURPOSE, uniform } from '../tensor/random.js';

/** How a token is drawn by the probabilities of all. */
export interface DrawOptions {
  /** Divides the logits: below 1 bolder towards the likely, 0 always the most likely. */
  temperature: number;
  /** Draws among this many most likely tokens; 0 for all. */
  topK: number;
  seed: number;
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
  { temperature, topK, seed }: DrawOptions,
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
