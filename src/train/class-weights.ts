import { joinWords } from '../config/expectation.js';
import { findNearest } from '../config/nearest.js';
import { introduce } from '../config/places.js';
import type { Config } from '../config/schema.js';
import { UserError } from '../errors.js';
import { taskOf } from '../tasks/registry.js';

/** Classes that a message names. */
const CLASSES_NAMED = 10;

/**
 * How much a row, or token, of each class counts in the loss, or a label where a row has it; exact in float32, undefined where all count
 * the same.
 *
 * @param classes in the order of their ids
 * @param counts rows of each class in the training split, or tokens
 * @param rows of the training split
 * @throws UserError naming a class that the config has a weight for, and the corpus has not
 */
export function classWeightsOf(
  config: Config,
  classes: readonly string[],
  counts: readonly number[],
  rows: number,
): number[] | undefined {
  const { classWeights, positiveWeights } = config.train.loss;
  if (positiveWeights !== null) {
    const balance = (count: number): number => Math.max(1, rows - count) / Math.max(1, count);
    return weigh(config, 'positiveWeights', positiveWeights, classes, () => counts.map(balance));
  }
  if (classWeights === null) return undefined;
  const all = counts.reduce((sum, count) => sum + count, 0);
  // Of a tag every token may have been truncated away.
  const balance = (count: number): number => all / (counts.length * Math.max(1, count));
  return weigh(config, 'classWeights', classWeights, classes, () => counts.map(balance));
}

/** @param balance gives the weights that count all classes alike */
function weigh(
  config: Config,
  key: 'classWeights' | 'positiveWeights',
  given: 'balanced' | Readonly<Record<string, number>>,
  classes: readonly string[],
  balance: () => number[],
): number[] {
  if (given === 'balanced') return balance().map(Math.fround);
  const weights = new Map(Object.entries(given));
  for (const name of weights.keys()) {
    if (!classes.includes(name)) throw unknownClass(config, key, name, classes);
  }
  return classes.map((name) => Math.fround(weights.get(name) ?? 1));
}

function unknownClass(
  config: Config,
  key: string,
  name: string,
  classes: readonly string[],
): UserError {
  const path = ['train', 'loss', key];
  const near = findNearest(name, classes);
  const named = classes.slice(0, CLASSES_NAMED).map((each) => JSON.stringify(each));
  const rest = classes.length > CLASSES_NAMED ? [`${classes.length - CLASSES_NAMED} more`] : [];
  const advice =
    near === undefined
      ? `expected ${joinWords([...named, ...rest])}`
      : `did you mean ${JSON.stringify(near)}?`;
  return new UserError(
    `${introduce(config, [...path, name])}${path.join('.')}: the training rows have no ${taskOf(config.task).named.one} ${JSON.stringify(name)}; ${advice}`,
  );
}
