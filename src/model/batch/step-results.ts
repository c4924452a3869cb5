import type { BufferSpec, Heap } from '../../tensor/heap.js';

/** Sums over one batch. */
export interface BatchResult {
  /** Sum of the losses, and what it is divided by: the number of targets, or the sum of their weights. */
  lossSum: number;
  divisor: number;
  /** Sum of −ln p(target) in nats; divide it, as the others, by `targets`. */
  crossEntropySum: number;
  /** Targets that were predicted as they are; of numbers 0. */
  correct: number;
  /** Of numbers, in the unit of the targets; else 0. */
  squaredErrorSum: number;
  targets: number;
  rows: number;
  tokens: number;
}

/** What a training step came to. */
export interface StepResult extends BatchResult {
  /** Global norm of the gradient before clipping. */
  gradNorm: number;
  /** False when loss or gradient were not finite: the weights are as before. */
  applied: boolean;
}

const SUMS = [
  ...(['lossSum', 'divisor', 'crossEntropySum', 'correct', 'squaredErrorSum'] as const),
  ...(['targets', 'rows', 'tokens'] as const),
] as const satisfies readonly (keyof BatchResult)[];

/** Doubles that results take. */
export const RESULTS = SUMS.length + 1;

/** Where whoever updates leaves what the step of a slot came to: the losses that it was summed up from give way to the next step's. */
export class StepResults {
  readonly #values: Float64Array;

  /** @param results of the slot */
  constructor(heap: Heap, results: BufferSpec) {
    this.#values = heap.flatDoubles(results);
  }

  write(sums: BatchResult, gradNorm: number): void {
    SUMS.forEach((name, place) => {
      this.#values[place] = sums[name];
    });
    this.#values[SUMS.length] = gradNorm;
  }

  /** Whether the weights have been updated. */
  get applied(): boolean {
    return Number.isFinite(this.#values[0]) && Number.isFinite(this.#values[SUMS.length]);
  }

  read(): StepResult {
    const sums = Object.fromEntries(SUMS.map((name, place) => [name, this.#values[place]!]));
    return {
      ...(sums as Record<(typeof SUMS)[number], number>),
      gradNorm: this.#values[SUMS.length]!,
      applied: this.applied,
    };
  }
}
