import type { BadRow, Example, RowBatch } from '../../data/formats/examples.js';
import { taskOf } from '../../tasks/registry.js';
import { indexOfLargest, LIKELY, shorten } from '../../use/predictions.js';
import type { TrainedModel } from '../library.js';

/** The rows of an input in their order, each with its answer. */

export interface Answer<P = Prediction> {
  readonly row: Example | BadRow;
  /** None for a row that cannot be used. */
  readonly prediction?: P;
}

export interface Prediction {
  /** The name of the class, those of the labels, or the number. */
  readonly predicted: string | number;
  /** Ids of the labels, where a row may have several. */
  readonly labels?: readonly number[];
  /** In the order of the model's classes, where it has some. */
  readonly probabilities: readonly number[];
}

export type AnsweringModel = Pick<TrainedModel, 'config' | 'classes' | 'classify' | 'regress'>;

/** Answers rows as they arrive, at most `batchSize` at a time: what is there waits for no other row. */
export async function* answerRows<P>(
  batches: AsyncIterable<RowBatch>,
  batchSize: number,
  answer: (rows: readonly Example[]) => Promise<P[]>,
): AsyncGenerator<Answer<P>[], void, undefined> {
  for await (const { rows, bad } of batches) {
    const all: (Example | BadRow)[] =
      bad.length === 0 ? [...rows] : [...rows, ...bad].sort((a, b) => a.row - b.row);
    for (let first = 0; first < all.length; first += batchSize) {
      yield await answerBatch(all.slice(first, first + batchSize), answer);
    }
  }
}

async function answerBatch<P>(
  rows: readonly (Example | BadRow)[],
  answer: (rows: readonly Example[]) => Promise<P[]>,
): Promise<Answer<P>[]> {
  const usable = rows.filter((row) => 'text' in row);
  const found = usable.length === 0 ? [] : await answer(usable);
  let next = 0;
  return rows.map((row) => ('text' in row ? { row, prediction: found[next++]! } : { row }));
}

/** What a model tells of rows. */
export async function predictRows(
  model: AnsweringModel,
  rows: readonly Example[],
): Promise<Prediction[]> {
  const texts = rows.map(({ text }) => text);
  const { target } = taskOf(model.config.task);
  if (target === 'number') {
    const numbers = await model.regress(texts);
    return numbers.map((number) => ({ predicted: shorten(number), probabilities: [] }));
  }
  const found = await model.classify(texts);
  return found.map((probabilities) => ({
    ...(target === 'labels'
      ? tellLabels(model, probabilities)
      : { predicted: model.classes[indexOfLargest(probabilities)]! }),
    probabilities: Array.from(probabilities, shorten),
  }));
}

function tellLabels(
  { classes, config }: AnsweringModel,
  probabilities: Float32Array,
): Pick<Prediction, 'predicted' | 'labels'> {
  const labels = Array.from(classes.keys()).filter((label) => probabilities[label]! >= LIKELY);
  const names = labels.map((label) => classes[label]!);
  return { predicted: names.join(config.data.labelSeparator), labels };
}
