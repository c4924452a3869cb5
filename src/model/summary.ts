import { describeNetwork } from './describe.js';
import { elementsOf } from './parameters.js';
import { SOURCE, type LayerDescription, type NetworkShape } from './shape.js';
import type { Signal } from './signal.js';

/** One layer as people read of it. */
export interface LayerSummary {
  /** `dense 2` */
  name: string;
  /** Names of what it stands on, where that is not the layer just before alone. */
  inputs?: string[];
  output: Signal;
  /** Learned values. */
  parameters: number;
  /** Of the multiply-adds of the whole network, from 0 to 1. */
  work: number;
}

/** A network's layers, from the bottom, on rows of so many tokens. */
export function summarizeNetwork(shape: NetworkShape, tokensOfRow: number): LayerSummary[] {
  const { layers, inputs } = describeNetwork(shape);
  const work = layers.map((layer) => layer.multiplyAdds(tokensOfRow, 1));
  const total = work.reduce((sum, each) => sum + each, 0);
  const names = shape.layers.map(nameOf);
  return layers.map(({ output, parameters }, place) => {
    const below = inputs[place]!;
    return {
      name: names[place]!,
      ...(below.length === 1 && below[0] === place - 1
        ? {}
        : { inputs: below.map((each) => names[each] ?? tokensAt(each, output)) }),
      output,
      parameters: parameters.reduce((sum, parameter) => sum + elementsOf(parameter.shape), 0),
      work: total > 0 ? work[place]! / total : 0,
    };
  });
}

/** What stands at a place below all layers. */
function tokensAt(place: number, { spells }: Signal): string {
  if (place === SOURCE) return 'source';
  return spells ? 'letters' : 'tokens';
}

/** The kind and the number; of the head, and of what the config says in one word, that word. */
function nameOf({ kind, name: { module, index } }: LayerDescription): string {
  if (module === 'head') return module;
  const isPlain = module === `${kind.replaceAll('-', '_')}_${index}`;
  return `${isPlain ? kind : module} ${index}`;
}
