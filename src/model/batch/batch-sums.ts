import { panelsOf, type FloatArray, type Heap } from '../../tensor/heap.js';
import { HEADER } from './batch-layout.js';
import type { NetworkPlan } from '../plan.js';

/** Sums over one batch; divide by `targets`. */
export interface BatchResult {
  /** Sum of the cross-entropies in nats. */
  lossSum: number;
  correct: number;
  targets: number;
  rows: number;
  tokens: number;
}

/**
 * The sums that a whole batch has in common, formed from what its parts left on the heap: in float64 and in an order
 * that does not depend on the parts, so that every thread that forms them has the same bits.
 */
export class BatchSums {
  readonly #header: Int32Array;
  readonly #order: Int32Array;
  readonly #targets: Int32Array;
  readonly #losses: FloatArray;
  readonly #predicted: Int32Array;
  readonly #squares: { values: Float64Array; byDistinct: boolean }[];
  readonly #byRow: boolean;

  constructor(heap: Heap, plan: NetworkPlan, slot: number) {
    const slotPlan = plan.slots[slot]!;
    this.#header = heap.flatIndices(slotPlan.header);
    this.#order = heap.flatIndices(slotPlan.order);
    this.#targets = heap.flatIndices(slotPlan.targets);
    this.#losses = heap.flat(plan.loss.losses);
    this.#predicted = heap.flatIndices(plan.loss.predicted);
    this.#byRow = plan.top.per === 'row';
    this.#squares = plan.parameters.flatMap(({ gradientKind, squares }) =>
      squares
        ? [
            {
              values: heap.flatDoubles(squares),
              byDistinct: gradientKind.kind === 'by distinct token',
            },
          ]
        : [],
    );
  }

  result(): BatchResult {
    const targets = this.#header[HEADER.targets]!;
    let lossSum = 0;
    let correct = 0;
    for (let k = 0; k < targets; k++) {
      const place = this.#byRow ? k : this.#order[k]!;
      lossSum += this.#losses[place]!;
      if (this.#predicted[place] === this.#targets[place]) correct++;
    }
    return {
      lossSum,
      correct,
      targets,
      rows: this.#header[HEADER.rows]!,
      tokens: this.#header[HEADER.tokens]!,
    };
  }

  /** Global norm of the gradient before clipping. */
  gradientNorm(): number {
    const distinct = this.#header[HEADER.distinct]!;
    let sum = 0;
    for (const { values, byDistinct } of this.#squares) {
      const blocks = byDistinct ? panelsOf(distinct) : values.length;
      for (let i = 0; i < blocks; i++) sum += values[i]!;
    }
    return Math.sqrt(sum);
  }
}
