import type { Heap } from '../tensor/heap.js';
import type { NetworkPlan } from './plan.js';

/** Independent units of work: which thread does which makes no difference to the result. */
export interface WorkGroup {
  /** May depend on the batch. */
  readonly units: number;
  /** Cost of one unit, above 0, in any measure common to the groups of a phase; may depend on the batch. */
  readonly cost: number;
  /** Does units [from, to). */
  run(from: number, to: number): void;
}

/** A share is cut into at most so many pieces, of about so many units at least. */
export const MOST_PIECES = 64;
const FEWEST_UNITS = 4;

/** The phases whose work is claimed piece by piece. */
export const CLAIMED_PHASES = ['pack', 'gradients', 'embedding-gradients', 'update'] as const;
export type ClaimedPhase = (typeof CLAIMED_PHASES)[number];

/** The claims of a phase. */
export function claimsOf(heap: Heap, plan: NetworkPlan, phase: ClaimedPhase): Int32Array {
  const all = heap.flatIndices(plan.claims);
  const length = all.length / CLAIMED_PHASES.length;
  const begin = CLAIMED_PHASES.indexOf(phase) * length;
  return all.subarray(begin, begin + length);
}

/** Forgets all claims: before a stage, and while no part is at work. */
export function resetClaims(heap: Heap, plan: NetworkPlan): void {
  heap.flatIndices(plan.claims).fill(0);
}

/**
 * The work of a phase, shared out among parts. Every part has a contiguous stretch of the whole cost, cut into pieces. It
 * claims and does them one by one; when it has come to the end it takes over pieces that others have not begun, from
 * the ends of their shares: a core that is slowed down for a moment holds nobody up for longer than a piece takes.
 *
 * Claims lie on the heap and carry the part's number. A part whose worker has died begins with the pieces it had claimed:
 * nobody knows how far it came with the last one.
 */
export class SharedWork {
  /**
   * @param claims of one phase, zeros before it begins. [at least parts · MOST_PIECES]
   * @param bounds where each part's share begins and ends, rising from 0 to 1. [parts + 1]
   * @param mostPieces of a share
   */
  constructor(
    private readonly groups: readonly WorkGroup[],
    private readonly claims: Int32Array,
    private readonly bounds: Readonly<Float64Array>,
    private readonly mostPieces = MOST_PIECES,
  ) {}

  /** @returns how much of the whole this part has done, from 0 to 1 */
  run(part: number): number {
    const parts = this.bounds.length - 1;
    const pieces = this.#piecesOfShare(parts);
    let done = 0;
    for (let piece = 0; piece < parts * pieces; piece++) {
      if (Atomics.load(this.claims, piece) === part + 1) done += this.#runPiece(piece, pieces);
    }
    for (let piece = part * pieces; piece < (part + 1) * pieces; piece++) {
      if (this.#claim(piece, part)) done += this.#runPiece(piece, pieces);
    }
    for (let distance = 1; distance < parts; distance++) {
      const other = (part + distance) % parts;
      for (let piece = (other + 1) * pieces - 1; piece >= other * pieces; piece--) {
        if (this.#claim(piece, part)) done += this.#runPiece(piece, pieces);
      }
    }
    return done;
  }

  #claim(piece: number, part: number): boolean {
    return Atomics.compareExchange(this.claims, piece, 0, part + 1) === 0;
  }

  #runPiece(piece: number, pieces: number): number {
    const begin = this.#edge(piece, pieces);
    const end = this.#edge(piece + 1, pieces);
    let total = 0;
    for (const group of this.groups) total += group.units * group.cost;
    let offset = 0;
    for (const group of this.groups) {
      const from = unitAt(group, total * begin - offset);
      const to = unitAt(group, total * end - offset);
      if (to > from) group.run(from, to);
      offset += group.units * group.cost;
    }
    return end - begin;
  }

  /** Where a piece begins, from 0 to 1: every part computes the same numbers. */
  #edge(piece: number, pieces: number): number {
    const part = Math.floor(piece / pieces);
    const begin = this.bounds[part]!;
    const inner = piece % pieces;
    return inner === 0 ? begin : begin + ((this.bounds[part + 1]! - begin) * inner) / pieces;
  }

  #piecesOfShare(parts: number): number {
    let units = 0;
    for (const group of this.groups) units += group.units;
    return Math.max(1, Math.min(this.mostPieces, Math.floor(units / (parts * FEWEST_UNITS))));
  }
}

/** First unit that begins at or behind a cost. */
function unitAt(group: WorkGroup, cost: number): number {
  return Math.min(group.units, Math.max(0, Math.ceil(cost / group.cost)));
}
