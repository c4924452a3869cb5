import type { Layer } from './layer.js';
import { layerKind } from './layers/registry.js';
import { elementsOf, type Parameter } from './parameters.js';
import type { NetworkShape } from './shape.js';
import type { Signal } from './signal.js';

/** A network's layers, described. */
export interface DescribedNetwork {
  layers: readonly Layer[];
  /** What the loss reads. */
  top: Signal;
  /** In the order in which checkpoints list them. */
  parameters: readonly Parameter[];
}

/** Pure: the same shape gives the same layers on every thread. */
export function describeNetwork({ vocabulary, layers, carries }: NetworkShape): DescribedNetwork {
  // Tokens are vectors with a single one among as many zeros as there are words.
  let top: Signal = { per: 'distinct', width: vocabulary, isTokens: true };
  const described = layers.map(({ kind, options, name }) => {
    const layer = layerKind(kind).describe(options, top, name);
    if (carries && layer.reverses) throw new Error('a row that goes on has no end to be read from');
    top = layer.output;
    return layer;
  });
  return { layers: described, top, parameters: described.flatMap(({ parameters }) => parameters) };
}

/** Number of learned values. */
export function countParameters(shape: NetworkShape): number {
  const { parameters } = describeNetwork(shape);
  return parameters.reduce((sum, parameter) => sum + elementsOf(parameter.shape), 0);
}

/**
 * Floating-point operations of one training step in the usual count (a multiply-add is two; forward one
 * share, backward two; look-ups and pointwise work are free), whatever short cuts the kernels take.
 */
export function flopsPerStep(shape: NetworkShape, tokens: number, rows: number): number {
  const { layers } = describeNetwork(shape);
  return 6 * layers.reduce((sum, layer) => sum + layer.multiplyAdds(tokens, rows), 0);
}

/** What the choice of teams depends on. */
export function recurrencesOf(shape: NetworkShape): { units: number; gates: number }[] {
  return describeNetwork(shape).layers.flatMap(({ recurrences = [] }) => recurrences);
}
