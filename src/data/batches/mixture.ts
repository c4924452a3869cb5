import { mix, permute } from './order.js';

/** Rows (or tokens) of consecutive sources of a store, and how often an epoch shows each of them. */
export interface Share {
  readonly size: number;
  /** 1 shows each once, 2 twice, 0.5 half of them in every epoch. */
  readonly weight: number;
}

/** Places of a store that an epoch shows one after the other: `count` from `start`, at most. */
export interface Stretch {
  readonly start: number;
  readonly count: number;
}

/**
 * What every epoch shows of a store's sources when they have weights.
 *
 * An epoch shows a share's items as many whole times as its weight says, and then, for the rest of the weight, a part
 * of them: the one that follows, in a circle, on the part of the epoch before. So a weight of 0.5 shows every item
 * in two epochs, and no epoch shows an item more often than the weight rounded up.
 */
export class Mixture {
  /** Items that an epoch shows; the same in every epoch. */
  readonly size: number;
  readonly #shares: readonly MixedShare[];

  /** @param seed draws which items make up a part */
  constructor(shares: readonly Share[], seed: number) {
    let first = 0;
    let start = 0;
    this.#shares = merge(shares).map(({ size, weight }, index) => {
      const passes = Math.floor(weight);
      // Whatever is named is shown, however little of it.
      const part = Math.max(passes === 0 ? 1 : 0, Math.round((weight - passes) * size));
      const order = permute(size, mix(seed, 0x5ac7_1e55), index);
      const share = { first, start, size, whole: passes * size, part, order };
      first += share.whole + part;
      start += size;
      return share;
    });
    this.size = first;
  }

  /** The item at place `index` of an epoch; items of a part are drawn at random. */
  draw(index: number, epoch: number): number {
    const share = this.#find(index);
    const { start, size, whole, order } = share;
    const place = index - share.first;
    if (place < whole) return start + (place % size);
    return start + order(placeInPart(share, place - whole, epoch));
  }

  /** The items from place `index` of an epoch on, as far as they lie side by side; a part is taken as it lies. */
  stretch(index: number, epoch: number): Stretch {
    const share = this.#find(index);
    const { start, size, whole, part } = share;
    const place = index - share.first;
    if (place < whole) return { start: start + (place % size), count: size - (place % size) };
    const offset = placeInPart(share, place - whole, epoch);
    return { start: start + offset, count: Math.min(size - offset, whole + part - place) };
  }

  #find(index: number): MixedShare {
    return this.#shares.findLast(({ first }) => first <= index)!;
  }
}

interface MixedShare {
  /** Place of the share's first item in every epoch, and in the store. */
  readonly first: number;
  readonly start: number;
  readonly size: number;
  /** Items shown in whole passes, and after them in part. */
  readonly whole: number;
  readonly part: number;
  readonly order: (index: number) => number;
}

function placeInPart({ size, part }: MixedShare, offset: number, epoch: number): number {
  return (epoch * part + offset) % size;
}

/** Joins neighbours of the same weight: half of a hundred files of one row each is fifty rows. */
function merge(shares: readonly Share[]): Share[] {
  const merged: Share[] = [];
  for (const { size, weight } of shares) {
    if (size === 0) continue;
    const last = merged.at(-1);
    if (last?.weight === weight) merged[merged.length - 1] = { size: last.size + size, weight };
    else merged.push({ size, weight });
  }
  return merged;
}
