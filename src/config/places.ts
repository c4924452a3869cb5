import type { KeyPath } from './expectation.js';
import type { Config } from './schema.js';

/** Where a configuration says what it says, for messages about what only shows when it is used. */

/** `file:line:column` of a key, or the option of the command line that set it. */
export type PlaceOf = (path: KeyPath) => string;

// Beside the data, which copies of a config share: a place is no part of what a config says.
const places = new WeakMap<Config['data'], PlaceOf>();

export function keepPlaces({ data }: Config, placeOf: PlaceOf): void {
  places.set(data, placeOf);
}

/** Gives a config whose data has been changed the places of the one that it was made of. */
export function copyPlaces({ data: from }: Config, { data: to }: Config): void {
  const placeOf = places.get(from);
  if (placeOf !== undefined) places.set(to, placeOf);
}

/** The place of a key of a config's data, with a colon behind it; empty for a config from no file. */
export function introduce({ data }: Config, path: KeyPath): string {
  const place = places.get(data)?.(path);
  return place === undefined ? '' : `${place}: `;
}
