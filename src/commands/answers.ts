import type { BadRow, Example, RowBatch } from '../data/formats/examples.js';
import type { TrainedModel } from './library.js';

/** The rows of an input in their order, each with its answer. */

export interface Answer {
  readonly row: Example | BadRow;
  /** None for a row that cannot be used. */
  readonly prediction?: Prediction;
}

export interface Prediction {
  readonly label: string;
  /** In the order of the model's classes. */
  readonly probabilities: readonly number[];
}

/** Answers rows as they arrive, at most `batchSize` at a time: what is there waits for no other row. */
export async function* answerRows(
  model: Pick<TrainedModel, 'classes' | 'classify'>,
  batches: AsyncIterable<RowBatch>,
  batchSize: number,
): AsyncGenerator<Answer[], void, undefined> {
  for await (const { rows, bad } of batches) {
    const all: (Example | BadRow)[] =
      bad.length === 0 ? [...rows] : [...rows, ...bad].sort((a, b) => a.row - b.row);
    for (let first = 0; first < all.length; first += batchSize) {
      yield await answerBatch(model, all.slice(first, first + batchSize));
    }
  }
}

async function answerBatch(
  model: Pick<TrainedModel, 'classes' | 'classify'>,
  rows: readonly (Example | BadRow)[],
): Promise<Answer[]> {
  const texts = rows.flatMap((row) => ('text' in row ? [row.text] : []));
  const found = texts.length === 0 ? [] : await model.classify(texts);
  let next = 0;
  return rows.map((row) => {
    if (!('text' in row)) return { row };
    const probabilities = found[next++]!;
    return {
      row,
      prediction: {
        label: model.classes[indexOfLargest(probabilities)]!,
        // Seven digits are what a float32 holds.
        probabilities: Array.from(probabilities, (value) => Number(value.toPrecision(7))),
      },
    };
  });
}

function indexOfLargest(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[largest]!) largest = i;
  return largest;
}
