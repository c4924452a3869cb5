import {
  buildStateTable,
  constantTable,
  DamagedBlock,
  readStateTable,
  type StateTable,
} from './zstd-entropy.js';

/** What the codes of a block's sequences mean (RFC 8878, section 3.1.1.3.2): literals to copy, and how much of what came before. */

/** Codes of a kind of number in a sequence. */
export interface Codes {
  readonly limits: { readonly log: number; readonly symbols: number };
  readonly usual: StateTable;
}

export const literalCodes: Codes = {
  limits: { log: 9, symbols: 36 },
  usual: buildStateTable(
    [
      4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1,
      1, -1, -1, -1, -1,
    ],
    6,
  ),
};
export const matchCodes: Codes = {
  limits: { log: 9, symbols: 53 },
  usual: buildStateTable(
    [1, 4, 3, 2, 2, 2, 2, 2, 2, ...new Array<number>(37).fill(1), -1, -1, -1, -1, -1, -1, -1],
    6,
  ),
};
export const offsetCodes: Codes = {
  limits: { log: 8, symbols: 32 },
  usual: buildStateTable(
    [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1],
    5,
  ),
};

/** Bits behind each code of a length, and the length from which they count. */
export const literalBits = Uint8Array.of(
  ...new Array<number>(16).fill(0),
  ...[1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
);
export const matchBits = Uint8Array.of(
  ...new Array<number>(32).fill(0),
  ...[1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
);
export const literalBase = countFrom(0, literalBits);
export const matchBase = countFrom(3, matchBits);

function countFrom(first: number, bits: Uint8Array): Uint32Array {
  let base = first;
  return Uint32Array.from(bits, (count) => {
    const from = base;
    base += 1 << count;
    return from;
  });
}

/**
 * The table of a block's codes of a kind: the usual one, a single code, one that stands there, or that of the block before.
 *
 * @returns it, and where what follows begins
 * @throws DamagedBlock
 */
export function chooseTable(
  mode: number,
  { limits, usual }: Codes,
  former: StateTable | undefined,
  block: Uint8Array,
  at: number,
  end: number,
): { table: StateTable; end: number } {
  switch (mode) {
    case 0:
      return { table: usual, end: at };
    case 1:
      if (at >= end || block[at]! >= limits.symbols) throw new DamagedBlock('a table is damaged');
      return { table: constantTable(block[at]!), end: at + 1 };
    case 2:
      return readStateTable(block, at, end, limits);
    default:
      if (former === undefined) throw new DamagedBlock('it has no table of sequences');
      return { table: former, end: at };
  }
}

/**
 * How far back a match lies: a number above three, or one of the last three used.
 *
 * @throws DamagedBlock
 */
export function chooseOffset(repeats: Int32Array, value: number, hasNoLiterals: boolean): number {
  let distance = value - 3;
  let place = 2;
  if (value <= 3) {
    place = value - 1 + (hasNoLiterals ? 1 : 0);
    distance = place === 3 ? repeats[0]! - 1 : repeats[place]!;
    if (distance === 0) throw new DamagedBlock('it repeats what was not there');
  }
  if (place >= 2) repeats[2] = repeats[1]!;
  if (place >= 1) repeats[1] = repeats[0]!;
  repeats[0] = distance;
  return distance;
}
