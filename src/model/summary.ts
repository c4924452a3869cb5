import { describeNetwork } from './describe.js';
import { elementsOf } from './parameters.js';
import type { NetworkShape } from './shape.js';
import type { Signal } from './signal.js';

/** One layer as people read of it. */
export interface LayerSummary {
  /** `lstm 0` */
  name: string;
  output: Signal;
  /** Learned values. */
  parameters: number;
  /** Of the multiply-adds of the whole network, from 0 to 1. */
  work: number;
}

/** A network's layers, from the bottom, on rows of so many tokens. */
export function summarizeNetwork(shape: NetworkShape, tokensOfRow: number): LayerSummary[] {
  const { layers } = describeNetwork(shape);
  const work = layers.map((layer) => layer.multiplyAdds(tokensOfRow, 1));
  const total = work.reduce((sum, each) => sum + each, 0);
  return layers.map(({ output, parameters }, index) => {
    const { module, index: number } = shape.layers[index]!.name;
    return {
      name: module === 'head' ? module : `${module} ${number}`,
      output,
      parameters: parameters.reduce((sum, parameter) => sum + elementsOf(parameter.shape), 0),
      work: total > 0 ? work[index]! / total : 0,
    };
  });
}
