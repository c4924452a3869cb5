import { describeLayer, describeNetwork, signalsOf } from './describe.js';
import { layerKind } from '../layers/registry.js';
import type { LayerDescription, NetworkShape } from './shape.js';

/** Gives every token what its distinct token has. */
const EXPAND = 'expand';

/**
 * The same network as it is computed where nobody trains it: what stands on layers that do something in training alone stands on what these
 * stand on, and what such layers could only do token by token is done once for each distinct token.
 */
export function computingShape(shape: NetworkShape): NetworkShape {
  const { layers: described, inputs } = describeNetwork(shape);
  const { layers } = shape;
  /** By layer: the place of the one that leaves the same outside of training. */
  const sameAs: number[] = [];
  const sameOf = (place: number): number => sameAs[place] ?? place;
  /** Where a layer that can work on distinct tokens finds them: below what has given them to all tokens. */
  const distinctBelow = ({ kind }: LayerDescription, place: number): number => {
    if (layers[place]?.kind !== EXPAND || !layerKind(kind).accepts.includes('distinct'))
      return place;
    const below = sameOf(inputs[place]![0]!);
    const { stream, spells } = described[below]!.output;
    return stream === undefined && !spells ? below : place;
  };
  const rewired = layers.map((layer, place) => {
    const own = inputs[place]!;
    const [first, ...others] = own.map(sameOf);
    const wished = [distinctBelow(layer, first!), ...others];
    // No layer stands on another twice, nor reads the states that one ends with where it has read what stands at the tokens.
    const isSame =
      new Set(wished).size === wished.length &&
      describeLayer(layer, signalsOf(described, wished, shape)).reads === described[place]!.reads;
    const fitting = isSame ? wished : own;
    sameAs[place] = layerKind(layer.kind).onlyTrains ? fitting[0]! : place;
    return fitting;
  });
  const read = new Set([layers.length - 1]);
  for (let place = layers.length - 1; place >= 0; place--) {
    if (read.has(place)) for (const below of rewired[place]!) read.add(below);
  }
  const kept = layers.flatMap((layer, place) => (read.has(place) ? [{ layer, place }] : []));
  const newPlace = new Map(kept.map(({ place }, index) => [place, index]));
  return {
    ...shape,
    layers: kept.map(({ layer, place }) => ({
      ...layer,
      inputs: rewired[place]!.map((below) => newPlace.get(below) ?? below),
    })),
  };
}
