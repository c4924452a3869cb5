import type { DoubleTensor } from '../../tensor/heap.js';
import { philox } from '../../tensor/random.js';
import { at } from './operands.js';

/** What a mask follows from, so that nobody has to store it; as kernels/philox.h draws it. */
export interface Mask {
  /** Share dropped, in steps of 1/65536. The others are divided by what is left. */
  rate: number;
  seed: number;
  /** Tells masks apart. */
  stream: number;
  /** [1]: the step under way */
  step: DoubleTensor;
}

/** Second word of the key of all masks' random numbers. */
const KEY = 0x10c57e9;

/** 16-bit threshold below which something is dropped. */
const thresholdOf = (rate: number): number => Math.round(rate * 65_536);

/** Threshold, scale, seed, stream and step, as kernels take them. */
export function maskArguments({ rate, seed, stream, step }: Mask): number[] {
  return [thresholdOf(rate), 1 / (1 - rate), seed, stream, at(step)];
}

/** What an element of a row is multiplied by: nothing or the scale. */
export function maskAt({ rate, seed, stream, step }: Mask, number: number, column: number): number {
  const words = philox([number, Math.floor(column / 8), step.get(0), stream], [seed, KEY]);
  const bits = (words[(column % 8) >> 1]! >>> ((column % 2) * 16)) & 0xffff;
  return bits < thresholdOf(rate) ? 0 : 1 / (1 - rate);
}
