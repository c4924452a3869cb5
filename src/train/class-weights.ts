import { joinWords } from '../config/expectation.js';
import { findNearest } from '../config/nearest.js';
import { introduce } from '../config/places.js';
import type { Config } from '../config/schema.js';
import { UserError } from '../errors.js';

/** Classes that a message names. */
const CLASSES_NAMED = 10;

/**
 * How much a row, or token, of each class counts in the loss, exact in float32; undefined where all count the same.
 *
 * @param classes in the order of their ids
 * @param rows of each class in the training split, or tokens
 * @throws UserError naming a class that config.train.loss.classWeights has and the corpus has not
 */
export function classWeightsOf(
  config: Config,
  classes: readonly string[],
  rows: readonly number[],
): number[] | undefined {
  const { classWeights } = config.train.loss;
  if (classWeights === null) return undefined;
  if (classWeights === 'balanced') {
    const all = rows.reduce((sum, count) => sum + count, 0);
    // Of a tag every token may have been truncated away.
    return rows.map((count) => Math.fround(all / (rows.length * Math.max(1, count))));
  }
  const weights = new Map(Object.entries(classWeights));
  for (const name of weights.keys()) {
    if (!classes.includes(name)) throw unknownClass(config, name, classes);
  }
  return classes.map((name) => Math.fround(weights.get(name) ?? 1));
}

function unknownClass(config: Config, name: string, classes: readonly string[]): UserError {
  const path = ['train', 'loss', 'classWeights'];
  const near = findNearest(name, classes);
  const named = classes.slice(0, CLASSES_NAMED).map((each) => JSON.stringify(each));
  const rest = classes.length > CLASSES_NAMED ? [`${classes.length - CLASSES_NAMED} more`] : [];
  const advice =
    near === undefined
      ? `expected ${joinWords([...named, ...rest])}`
      : `did you mean ${JSON.stringify(near)}?`;
  return new UserError(
    `${introduce(config, [...path, name])}${path.join('.')}: the training rows have no class ${JSON.stringify(name)}; ${advice}`,
  );
}
