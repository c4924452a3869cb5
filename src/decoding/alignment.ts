import { stepsOf, type Path } from './path.js';

/**
 * Where in the source each token of a path comes from: the position that was attended to most, of several the first; undefined where
 * nobody kept what was attended to.
 */
export function alignmentOf(path: Path): (number | undefined)[] {
  return stepsOf(path).map(({ attention }) => attention && indexOfLargest(attention));
}

function indexOfLargest(values: Float32Array): number {
  let largest = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[largest]!) largest = i;
  return largest;
}
