import { inputsOf } from './describe.js';
import type { LayerDescription } from './shape.js';

/** The layers but dropout that nothing stands on: what rows end with may be all that is read of a layer below. */
export function withoutUnreadDropout(layers: readonly LayerDescription[]): LayerDescription[] {
  const kept = layers.map((each, place) => ({ each, place, inputs: inputsOf(layers, place) }));
  // From the top, on which nothing stands: what is left out reads nothing, either.
  for (let at = kept.length - 2; at >= 0; at--) {
    const { each, place } = kept[at]!;
    if (each.kind !== 'dropout') continue;
    if (!kept.some(({ inputs }) => inputs.includes(place))) kept.splice(at, 1);
  }
  const placeOf = (old: number): number =>
    old < 0 ? old : kept.findIndex(({ place }) => place === old);
  return kept.map(({ each: { kind, name, options }, inputs }, place) => {
    const below = inputs.map(placeOf);
    const isNext = below.length === 1 && below[0] === place - 1;
    return { kind, name, options, ...(!isNext && { inputs: below }) };
  });
}
