import { UnfitInput, type LayerKind, type NetworkLayer } from '../layer.js';
import { layerKind } from '../layers/registry.js';
import { lossKind } from '../losses/registry.js';
import { elementsOf, type GradientKind, type Parameter } from '../weights/parameters.js';
import {
  readStream,
  SOURCE,
  streamsOf,
  TOKENS,
  type LayerDescription,
  type NetworkShape,
} from './shape.js';
import type { Signal } from '../signal.js';
import type { Recurrence } from '../work/teams.js';

/** A network's layers, described. */
export interface DescribedNetwork {
  layers: readonly NetworkLayer[];
  /** By layer: the places of those that it stands on. */
  inputs: readonly (readonly number[])[];
  /** What the loss reads. */
  top: Signal;
  /** Int32 words of a target. */
  targetWords: number;
  /** In the order in which checkpoints list them. */
  parameters: readonly Parameter[];
}

/**
 * Pure: the same shape gives the same layers on every thread.
 *
 * @throws UnfitInput for layers that cannot stand on each other as told
 */
export function describeNetwork(shape: NetworkShape): DescribedNetwork {
  const { layers, loss, carries } = shape;
  const described: NetworkLayer[] = [];
  const read = new Set<number>();
  const inputs = layers.map((_, place) => inputsOf(layers, place));
  layers.forEach((description, place) => {
    const layer = describeLayer(description, signalsOf(described, inputs[place]!, shape));
    if (carries && layer.reverses && layer.of !== 'source') {
      throw new UnfitInput('a row that goes on has no end to be read from');
    }
    described.push(layer);
    for (const below of inputs[place]!) read.add(below);
    // Its gradient could not take the place of the output's.
    if (new Set(inputs[place]).size < inputs[place]!.length) {
      throw new UnfitInput(`${description.kind} stands on a layer twice`);
    }
  });
  const top = described.at(-1);
  if (!top) throw new UnfitInput('expected a layer');
  if (top.output.of === 'source') throw new UnfitInput('tokens of the source have no targets');
  const unread = described.findIndex((layer, place) => layer !== top && !read.has(place));
  // Its gradient would be nobody's to write.
  if (unread >= 0) throw new UnfitInput(`no layer stands on ${layers[unread]!.kind} ${unread}`);
  const learns = lossKind(loss.kind);
  const targetWords = learns.targetWords?.(top.output) ?? 1;
  const parameters = [
    ...described.flatMap((layer) => layer.parameters),
    ...(learns.parameters?.(top.output) ?? []),
  ];
  const tied = parameters.filter(({ gradientKind: { kind } }) => kind === SHARED);
  const shared = described.flatMap(({ shares = [] }) => shares);
  // One without the other would leave half a gradient, or add to none.
  if (tied.map(({ name }) => name).join() !== shared.join()) {
    throw new UnfitInput('expected one tied head for each tied embedding');
  }
  return { layers: described, inputs, top: top.output, targetWords, parameters };
}

/** Of gradients that have a part from another layer. */
const SHARED: GradientKind['kind'] = 'own and by distinct token';

/** The places of what a layer stands on. */
export function inputsOf(layers: readonly LayerDescription[], place: number): readonly number[] {
  return layers[place]!.inputs ?? [place - 1];
}

/** What the layers at some places leave, those before them having been described. */
export function signalsOf(
  described: readonly NetworkLayer[],
  places: readonly number[],
  shape: Pick<NetworkShape, 'vocabulary' | 'features' | 'source'>,
): Signal[] {
  const streams = streamsOf(shape);
  return places.map((place) => {
    if (place === SOURCE && shape.source) {
      const { vocabulary: width, isShared } = shape.source;
      if (isShared && width !== shape.vocabulary) {
        throw new UnfitInput(`a source shares ${shape.vocabulary} words, not ${width}`);
      }
      return {
        ...{ per: 'distinct', width, isTokens: true, of: 'source' },
        ...(isShared && { isShared }),
      };
    }
    // Tokens are vectors with a single one among as many zeros as there are words.
    if (place <= TOKENS && TOKENS - place <= (shape.features?.length ?? 0)) {
      const stream = place === TOKENS ? 0 : readStream(streams, TOKENS - 1 - place);
      const { values: width, spells } = streams[stream]!;
      return {
        ...{ per: 'distinct', width, isTokens: true },
        ...(stream > 0 && { stream }),
        ...(spells && { spells }),
      };
    }
    const below = described[place];
    if (!below) throw new UnfitInput(`there is no layer ${place} below`);
    return below.output;
  });
}

/** @throws UnfitInput for inputs that it cannot take */
export function describeLayer(
  { kind, options, name }: LayerDescription,
  inputs: readonly Signal[],
): NetworkLayer {
  const found = layerKind(kind);
  const layer = found.describe(options, inputs, name);
  if (streamOf(found, inputs) === undefined) return layer;
  const { output } = layer;
  return {
    ...layer,
    of: 'source',
    output: output.per === 'row' ? output : { ...output, of: 'source' },
  };
}

/** Which tokens a layer goes over: those of its inputs, of which what has a row for each row of the batch may be beside either. */
function streamOf({ kind, crosses }: LayerKind, inputs: readonly Signal[]): Signal['of'] {
  if (crosses) return undefined;
  const streams = new Set(inputs.flatMap(({ per, of }) => (per === 'row' ? [] : [of])));
  if (streams.size > 1) throw new UnfitInput(`${kind} stands on tokens and the source's`);
  return [...streams][0];
}

/** Number of learned values. */
export function countParameters(shape: NetworkShape): number {
  const { parameters } = describeNetwork(shape);
  return parameters.reduce((sum, parameter) => sum + elementsOf(parameter.shape), 0);
}

/**
 * Floating-point operations of one training step in the usual count (a multiply-add is two; forward one
 * share, backward two; look-ups and pointwise work are free), whatever short cuts the kernels take.
 *
 * @param sourceTokens as many as there are tokens where nothing else is said
 */
export function flopsPerStep(
  shape: NetworkShape,
  tokens: number,
  rows: number,
  sourceTokens = tokens,
): number {
  const { layers } = describeNetwork(shape);
  const multiplyAdds = layers.map((layer) =>
    layer.multiplyAdds(layer.of === 'source' ? sourceTokens : tokens, rows),
  );
  return 6 * multiplyAdds.reduce((sum, each) => sum + each, 0);
}

/** What the choice of teams depends on. */
export function recurrencesOf(shape: NetworkShape): Recurrence[] {
  return describeNetwork(shape).layers.flatMap(({ recurrences = [] }) => recurrences);
}
