import { PANEL } from '../tensor/heap.js';

/** How much the latest step counts: cores of a shared machine change their speed within seconds, but one step held up by chance is to move no row. */
const WEIGHT = 0.1;
/** No part is taken for more than this many times faster or slower than the average. */
const LARGEST_RATIO = 4;

/**
 * Shares work out by how fast the parts' cores are: on a shared machine one of them may lose a third of its speed to
 * a neighbour for seconds, and every step would wait for it. Who computes what makes no difference to the results.
 */
export class Balance {
  /** Where each part's share begins, from 0 to 1; the last ends at 1. [parts + 1] */
  readonly bounds: Float64Array;
  readonly #speeds: Float64Array;

  constructor(parts: number) {
    this.bounds = Float64Array.from({ length: parts + 1 }, (_, part) => part / parts);
    this.#speeds = new Float64Array(parts).fill(1 / parts);
  }

  /**
   * Learns from a stretch of work.
   *
   * @param seconds that each part would have taken for the whole of it, PANEL numbers apart; 0 for one that did nothing
   */
  observe(seconds: Float64Array): void {
    const speeds = this.#speeds;
    const even = 1 / speeds.length;
    // Parts that came too late to get any work keep their speed; the others are compared with each other.
    let seen = 0;
    let known = 0;
    for (let part = 0; part < speeds.length; part++) {
      if (!(seconds[part * PANEL]! > 0)) continue;
      seen += 1 / seconds[part * PANEL]!;
      known += speeds[part]!;
    }
    let sum = 0;
    for (let part = 0; part < speeds.length; part++) {
      if (seconds[part * PANEL]! > 0) {
        const speed = (known / seen) * (1 / seconds[part * PANEL]!);
        const sane = Math.min(even * LARGEST_RATIO, Math.max(even / LARGEST_RATIO, speed));
        speeds[part]! += WEIGHT * (sane - speeds[part]!);
      }
      sum += speeds[part]!;
    }
    let end = 0;
    for (let part = 0; part < speeds.length; part++) {
      speeds[part]! /= sum;
      end += speeds[part]!;
      if (part + 1 < speeds.length) this.bounds[part + 1] = Math.min(1, end);
    }
  }
}
