import type { DoubleTensor } from '../tensor/heap.js';

/** Where the time of a task goes. */
export const CLOCKS = [
  'gather',
  'input product',
  'recurrence',
  'convolution',
  'pooling',
  'attention',
  'dropout',
  'norm',
  'joins',
  'head',
  'loss',
  'weight gradients',
  'embedding gradients',
  'update',
] as const;

/** Seconds spent by one part on each kind of work, summed on the heap since the coordinator last set them to zero. */
export class Clock {
  #last = 0;
  #row = 0;

  constructor(private readonly seconds: DoubleTensor) {}

  /** Begins to book a part's time, or goes on after a time in which it waited. */
  start(part: number): void {
    this.#row = part;
    this.#last = performance.now();
  }

  /** Books the time since the last call under `kind`. */
  lap(kind: (typeof CLOCKS)[number]): void {
    const now = performance.now();
    const place = CLOCKS.indexOf(kind);
    const former = this.seconds.get(this.#row, place);
    this.seconds.set(this.#row, place, former + (now - this.#last) / 1000);
    this.#last = now;
  }
}
