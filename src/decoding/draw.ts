import { PURPOSE, uniform } from '../tensor/random.js';
import type { DrawOptions } from './draw-options.js';
import { likeliest } from './rules.js';

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
  const power = 1 / temperature;
  // Of a temperature of next to nothing as of 0: no number is its power.
  if (!Number.isFinite(power)) return likeliest(probabilities, 1, left)[0]!;
  const values = likeliestValues(probabilities, left, topK);
  const highest = values[0]!;
  let place = 0;
  // Else what is left out has all the probability.
  if (highest > 0) {
    // By the likeliest: powers of small probabilities would all be 0.
    const weights = values.map((value) => (value / highest) ** power);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    let rest = uniform(seed, PURPOSE.sampling, stream, index) * total - weights[0]!;
    while (rest >= 0 && place + 1 < weights.length) rest -= weights[++place]!;
  }
  return idAt(place, values, probabilities, left);
}

/** Up to so many are picked out of all, which takes less time than putting all in order. */
const FEW = 256;

/** The probabilities of the ids that may be drawn, the highest first; @param most 0 for all */
function likeliestValues(
  probabilities: Float32Array | Float64Array,
  left: ReadonlySet<number>,
  most: number,
): Float64Array {
  if (most > 0 && most <= FEW) {
    return Float64Array.from(likeliest(probabilities, most, left), (id) => probabilities[id]!);
  }
  const values = new Float64Array(probabilities.length);
  let count = 0;
  probabilities.forEach((probability, id) => {
    if (!left.has(id)) values[count++] = probability;
  });
  // Numbers alone, which are sorted many times as fast as ids by their numbers.
  const sorted = values.subarray(0, count).sort().reverse();
  return most > 0 ? sorted.subarray(0, most) : sorted;
}

/** The id whose probability stands at a place of `values`: of those as likely the lower one comes first. */
function idAt(
  place: number,
  values: Float64Array,
  probabilities: Float32Array | Float64Array,
  left: ReadonlySet<number>,
): number {
  let before = place - values.indexOf(values[place]!);
  return probabilities.findIndex(
    (value, id) => value === values[place] && !left.has(id) && before-- === 0,
  );
}
