import { describeNetwork } from './describe.js';
import { lossKind } from '../losses/registry.js';
import type { NetworkLayer } from '../layer.js';
import { elementsOf, type Parameter } from '../weights/parameters.js';
import { SOURCE, type LayerDescription, type NetworkShape } from './shape.js';
import type { Signal } from '../signal.js';

/** One layer, or a loss that learns something itself, as people read of it. */
export interface LayerSummary {
  /** `dense 2` */
  name: string;
  /** By which its registry knows it. */
  kind: string;
  /** Names of what it stands on, where that is not the layer just before alone. */
  inputs?: string[];
  output: Signal;
  /** Learned values. */
  parameters: number;
  /** Of the multiply-adds of the whole network, from 0 to 1. */
  work: number;
}

/** A layer, how it is called, and how what it stands on is. */
interface Line extends Pick<LayerSummary, 'name' | 'kind'> {
  inputs: string[];
  layer: NetworkLayer;
}

/** A network's layers, from the bottom, on rows of so many tokens; those that go step by step one by one, the lowest standing on the top one, too. */
export function summarizeNetwork(shape: NetworkShape, tokensOfRow: number): LayerSummary[] {
  const lines = linesOf(shape);
  const work = lines.map(({ layer }) => layer.multiplyAdds(tokensOfRow, 1));
  const total = work.reduce((sum, each) => sum + each, 0);
  const layers = lines.map(({ name, kind, inputs, layer: { output, parameters } }, index) => ({
    ...{ name, kind },
    ...(inputs.length === 1 && inputs[0] === (lines[index - 1]?.name ?? 'tokens')
      ? {}
      : { inputs }),
    output,
    parameters: countOf(parameters),
    work: total > 0 ? work[index]! / total : 0,
  }));
  return [...layers, ...summarizeLoss(shape)];
}

/** What a loss learns beside the layers; its work, which is small, does not count. */
function summarizeLoss(shape: NetworkShape): LayerSummary[] {
  const { kind } = shape.loss;
  const { top } = describeNetwork(shape);
  const parameters = lossKind(kind).parameters?.(top) ?? [];
  if (parameters.length === 0) return [];
  return [{ name: kind, kind, output: top, parameters: countOf(parameters), work: 0 }];
}

function countOf(parameters: readonly Parameter[]): number {
  return parameters.reduce((sum, { shape }) => sum + elementsOf(shape), 0);
}

function linesOf(shape: NetworkShape): Line[] {
  const { layers, inputs } = describeNetwork(shape);
  /** By place. */
  const names: string[] = [];
  return layers.flatMap((layer, place): Line[] => {
    const below = inputs[place]!.map((each) => names[each] ?? tokensAt(each, layer.output));
    const { steps } = layer;
    if (!steps) {
      const description = shape.layers[place]!;
      const name = nameOf(description);
      names.push(name);
      return [{ name, kind: description.kind, inputs: below, layer }];
    }
    const own = steps.map(({ description }) => nameOf(description));
    const top = own.at(-1)!;
    names.push(top);
    return steps.map(({ description, layer: step }, number) => {
      const stands = description.inputs.map((each) => (each < 0 ? below[-1 - each]! : own[each]!));
      return {
        ...{ name: own[number]!, kind: description.kind, layer: step },
        inputs: number === 0 ? [...stands, top] : stands,
      };
    });
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
