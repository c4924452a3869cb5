import { LSTM_ROWS } from '../backend/kernels/lstm.js';
import { PLAIN_ROWS, unitsOf, type RowMap } from '../backend/kernels/rows.js';

/** The sizes that define a network; everything else about it follows. */
export interface NetworkShape {
  task: 'classify' | 'language-model';
  /** Token ids run from 0 to vocabulary − 1. */
  vocabulary: number;
  /** Width of the embedding vectors. */
  embedding: number;
  /** Hidden units of each LSTM layer, bottom first. */
  layers: readonly number[];
  /** Classes, or the vocabulary again for language models. */
  outputs: number;
}

/**
 * One learned array, named and laid out as PyTorch's nn.Embedding, nn.LSTM and nn.Linear do, so that any
 * safetensors reader can load it there.
 */
export interface Parameter {
  name: string;
  shape: readonly number[];
  /** Which panels of the packed matrix its rows become. */
  rows: RowMap;
  /** Units of 16 rows that are updated, packed and summed together. */
  units: number;
}

/** Every parameter of a network, in the order in which checkpoints list them. */
export function parametersOf(shape: NetworkShape): Parameter[] {
  const list: Parameter[] = [matrix('embedding.weight', shape.vocabulary, shape.embedding)];
  shape.layers.forEach((hidden, layer) => {
    const input = layer === 0 ? shape.embedding : shape.layers[layer - 1]!;
    const gates = { rows: LSTM_ROWS, units: unitsOf(4 * hidden, LSTM_ROWS) };
    list.push(
      { name: `lstm.weight_ih_l${layer}`, shape: [4 * hidden, input], ...gates },
      { name: `lstm.weight_hh_l${layer}`, shape: [4 * hidden, hidden], ...gates },
      { name: `lstm.bias_ih_l${layer}`, shape: [4 * hidden], ...gates },
      { name: `lstm.bias_hh_l${layer}`, shape: [4 * hidden], ...gates },
    );
  });
  const top = shape.layers.at(-1)!;
  list.push(matrix('head.weight', shape.outputs, top), {
    name: 'head.bias',
    shape: [shape.outputs],
    rows: PLAIN_ROWS,
    units: unitsOf(shape.outputs, PLAIN_ROWS),
  });
  return list;
}

function matrix(name: string, rows: number, columns: number): Parameter {
  return { name, shape: [rows, columns], rows: PLAIN_ROWS, units: unitsOf(rows, PLAIN_ROWS) };
}

export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Number of learned values. */
export function countParameters(shape: NetworkShape): number {
  return parametersOf(shape).reduce((sum, parameter) => sum + elementsOf(parameter.shape), 0);
}

/**
 * Floating-point operations of one training step in the usual count (a multiply-add is two; forward one
 * share, backward two; look-ups and pointwise work are free), whatever short cuts the kernels take.
 *
 * @param tokens tokens of the batch
 * @param targets outputs of the head: rows (classify) or tokens (language model)
 */
export function flopsPerStep(shape: NetworkShape, tokens: number, targets: number): number {
  const lstm = shape.layers.reduce((sum, hidden, layer) => {
    const input = layer === 0 ? shape.embedding : shape.layers[layer - 1]!;
    return sum + 4 * hidden * (input + hidden);
  }, 0);
  return 6 * (lstm * tokens + shape.layers.at(-1)! * shape.outputs * targets);
}
