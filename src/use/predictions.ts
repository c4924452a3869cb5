import { UserError } from '../errors.js';
import { taskOf } from '../tasks/registry.js';
import type { Prediction, Sentence, TrainedModel } from '../train/trained-model.js';

/** What models tell of single rows, in words rather than in ids and places of arrays. */

export type PredictingModel = Pick<
  TrainedModel,
  'config' | 'classes' | 'checkpoint' | 'classify' | 'regress' | 'tag'
>;

/** Of a label that is told; as an evaluation has it. */
export const LIKELY = 0.5;

/**
 * What a model tells of each text, or of each sentence where it is a tagger.
 *
 * @throws UserError for a model that writes texts
 */
export async function predictAll(
  model: PredictingModel,
  inputs: readonly (string | Sentence)[],
): Promise<Prediction[]> {
  const { call, target, model: kind, does } = taskOf(model.config.task);
  switch (call) {
    case 'tag':
      return (await model.tag(inputs as readonly Sentence[])).map((tags) => ({ tags }));
    case 'regress':
      return (await model.regress(inputs as readonly string[])).map((value) => ({
        value: shorten(value),
      }));
    case 'classify': {
      const found = await model.classify(inputs as readonly string[]);
      const describe = target === 'labels' ? describeLabels : describeClass;
      return found.map((probabilities) => describe(model.classes, probabilities));
    }
    default:
      throw new UserError(`${model.checkpoint} is ${kind}: it ${does}, it does not predict`);
  }
}

function describeClass(classes: readonly string[], found: Float32Array): Prediction {
  const likeliest = indexOfLargest(found);
  return {
    label: classes[likeliest]!,
    probability: shorten(found[likeliest]!),
    probabilities: byName(classes, found),
  };
}

function describeLabels(classes: readonly string[], found: Float32Array): Prediction {
  return {
    labels: classes.filter((_, label) => found[label]! >= LIKELY),
    probabilities: byName(classes, found),
  };
}

function byName(classes: readonly string[], found: Float32Array): Record<string, number> {
  // As own members, whatever the names are: one may be called __proto__.
  return Object.fromEntries(classes.map((name, id) => [name, shorten(found[id]!)]));
}

/** Seven digits are what a float32 holds. */
export function shorten(value: number): number {
  return Number(value.toPrecision(7));
}

/** The first of the largest. */
export function indexOfLargest(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[largest]!) largest = i;
  return largest;
}
