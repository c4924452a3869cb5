import type { BufferSpec, Heap } from '../../tensor/heap.js';

/** Independent units of work: which thread does which makes no difference to the result. */
export interface WorkGroup {
  /** May depend on the batch. */
  readonly units: number;
  /** Cost of one unit, above 0, in any measure common to the groups of a phase; may depend on the batch. */
  readonly cost: number;
  /** Does units [from, to). */
  readonly run: (from: number, to: number) => void;
}

/** A share is cut into at most so many pieces, and only if it is worth so many of the largest units for each. */
export const MOST_PIECES = 16;
const UNITS_PER_PIECE = 4;
/** Pieces have an even number of units: weight gradients are summed for two panels at a time. */
const GRAIN = 2;

/** The phases whose work is claimed piece by piece. */
export const CLAIMED_PHASES = [
  'pack',
  'pair-tokens',
  'gradients',
  'distinct-gradients',
  'spell-back',
  'pair-letters',
  'letter-gradients',
  'accumulate',
  'update',
  'predict-next',
  'rank-next',
] as const;
export type ClaimedPhase = (typeof CLAIMED_PHASES)[number];
/** Those in which what stands on top of rows that go on is computed. */
export type NextPhase = Extract<ClaimedPhase, 'predict-next' | 'rank-next'>;

/** Whether whoever is done early in a phase takes over what others have left of it: what holds one up there costs all of them the least. */
export function isClaimedPhase(phase: string): phase is ClaimedPhase {
  return (CLAIMED_PHASES as readonly string[]).includes(phase);
}

/** The claims of a slot: by phase. */
export function claimsOfSlot(heap: Heap, claims: BufferSpec, slot: number): Int32Array {
  const all = heap.flatIndices(claims);
  const length = CLAIMED_PHASES.length * claims.stride[0]!;
  return all.subarray(slot * length, (slot + 1) * length);
}

/** The claims of a phase, a row of those of a slot. */
export function claimsOf(
  heap: Heap,
  claims: BufferSpec,
  slot: number,
  phase: ClaimedPhase,
): Int32Array {
  const all = claimsOfSlot(heap, claims, slot);
  const length = all.length / CLAIMED_PHASES.length;
  const begin = CLAIMED_PHASES.indexOf(phase) * length;
  return all.subarray(begin, begin + length);
}

/**
 * The work of a phase, shared out among parts. Every part has a contiguous stretch of the whole cost, cut into pieces. It
 * claims and does them one by one; when it has come to the end it takes over pieces that others have not begun, from
 * the ends of their shares: a core that is slowed down for a moment holds nobody up for longer than a piece takes. Pieces
 * become smaller towards the end, where others wait for them.
 *
 * Claims lie on the heap and carry the part's number. A part whose worker has died begins with the pieces it had claimed:
 * nobody knows how far it came with the last one.
 */
export class SharedWork {
  /**
   * @param claims of one phase, zeros before it begins. [at least parts · MOST_PIECES]
   * @param bounds where each part's share begins and ends, rising from 0 to 1. [parts + 1]
   * @param mostPieces of a share
   * @param leastUnits that a piece is worth, of the largest
   */
  constructor(
    private readonly groups: readonly WorkGroup[],
    private readonly claims: Int32Array,
    private readonly bounds: Readonly<Float64Array>,
    private readonly mostPieces: number,
    private readonly leastUnits = UNITS_PER_PIECE,
  ) {}

  /** @returns how much of the whole this part has done, from 0 to 1 */
  run(part: number): number {
    const parts = this.bounds.length - 1;
    let total = 0;
    let largest = 0;
    for (const { units, cost } of this.groups) {
      total += units * cost;
      if (units > 0) largest = Math.max(largest, cost);
    }
    if (total === 0) return 0;
    const worth = parts === 1 ? 1 : Math.floor(total / (parts * this.leastUnits * largest));
    const pieces = Math.max(1, Math.min(this.mostPieces, worth));
    let done = 0;
    for (let piece = 0; piece < parts * pieces; piece++) {
      const isOurs = Atomics.load(this.claims, piece) === part + 1;
      if (isOurs) done += this.#runPiece(piece, pieces, total);
    }
    for (let piece = part * pieces; piece < (part + 1) * pieces; piece++) {
      if (this.#claim(piece, part)) done += this.#runPiece(piece, pieces, total);
    }
    for (let distance = 1; distance < parts; distance++) {
      const other = (part + distance) % parts;
      for (let piece = (other + 1) * pieces - 1; piece >= other * pieces; piece--) {
        if (this.#claim(piece, part)) done += this.#runPiece(piece, pieces, total);
      }
    }
    return done / total;
  }

  #claim(piece: number, part: number): boolean {
    return Atomics.compareExchange(this.claims, piece, 0, part + 1) === 0;
  }

  /** @returns the cost of what was done */
  #runPiece(piece: number, pieces: number, total: number): number {
    const begin = this.#edge(piece, pieces) * total;
    const end = this.#edge(piece + 1, pieces) * total;
    let done = 0;
    let offset = 0;
    for (const group of this.groups) {
      const { units, cost } = group;
      const from = unitAt(units, cost, begin - offset);
      const to = unitAt(units, cost, end - offset);
      if (to > from) group.run(from, to);
      done += (to - from) * cost;
      offset += units * cost;
    }
    return done;
  }

  /** Where a piece begins, from 0 to 1: every part computes the same numbers. */
  #edge(piece: number, pieces: number): number {
    const part = Math.floor(piece / pieces);
    const begin = this.bounds[part]!;
    const left = 1 - (piece % pieces) / pieces;
    return left === 1 ? begin : begin + (this.bounds[part + 1]! - begin) * (1 - left * left);
  }
}

/** First unit that begins at or behind a cost, or the one behind it. */
function unitAt(units: number, cost: number, at: number): number {
  return Math.min(units, Math.max(0, GRAIN * Math.ceil(at / cost / GRAIN)));
}
