import { asFloats } from '../../tensor/float-bits.js';
import type { FloatArray, Heap } from '../../tensor/heap.js';
import { HEADER } from './batch-layout.js';
import { countSquares, type Parameter } from '../weights/parameters.js';
import type { NetworkPlan } from '../plan.js';
import { batchOf, distinctOf } from './slot-plan.js';
import type { BatchResult } from './step-results.js';

/**
 * The sums that a whole batch has in common, formed from what its parts left on the heap: in float64 and in an order
 * that does not depend on the parts, so that every thread that forms them has the same bits.
 */
export class BatchSums {
  readonly #header: Int32Array;
  readonly #order: Int32Array;
  readonly #targets: Int32Array;
  readonly #losses: FloatArray;
  /** Where they are not the losses themselves. */
  readonly #crossEntropies: FloatArray | undefined;
  readonly #weights: readonly number[] | undefined;
  readonly #divisor: Float64Array;
  readonly #predicted: Int32Array;
  /** Where targets are numbers. */
  readonly #numbers: { targets: Float32Array; predicted: Float32Array } | undefined;
  /** With the range of the distinct tokens that some belong to: behind it stand others' of batches before. */
  readonly #squares: { values: Float64Array; parameter: Parameter; distinct?: Int32Array }[];
  readonly #accumulated: Float64Array[] | undefined;
  readonly #byRow: boolean;
  readonly #targetWords: number;

  constructor(heap: Heap, plan: NetworkPlan, slot: number) {
    const slotPlan = plan.slots[slot]!;
    this.#header = heap.flatIndices(slotPlan.header);
    this.#order = heap.flatIndices(slotPlan.order);
    this.#targets = heap.flatIndices(slotPlan.targets);
    const { losses, crossEntropies, targetWeights } = plan.loss;
    this.#losses = heap.flat(losses);
    this.#crossEntropies = crossEntropies === losses ? undefined : heap.flat(crossEntropies);
    this.#weights = targetWeights;
    this.#divisor = heap.flatDoubles(plan.divisors[slot]!);
    this.#predicted = heap.flatIndices(plan.loss.predicted);
    this.#numbers =
      plan.loss.compares === 'numbers'
        ? { targets: asFloats(this.#targets), predicted: asFloats(this.#predicted) }
        : undefined;
    this.#byRow = plan.top.per === 'row';
    this.#targetWords = plan.targetWords;
    this.#accumulated =
      plan.accumulationSettings &&
      plan.parameters.map(({ accumulated }) => heap.flatDoubles(accumulated!.squares));
    this.#squares = plan.parameters.flatMap((parameter) => {
      const { squares, gradientKind } = parameter;
      if (!squares) return [];
      const distinct =
        'stream' in gradientKind
          ? heap.flatIndices(
              distinctOf(batchOf(slotPlan, gradientKind.of), gradientKind.stream).distinctRange,
            )
          : undefined;
      return [{ values: heap.flatDoubles(squares), parameter, ...(distinct && { distinct }) }];
    });
  }

  /** Writes down what the sum of the batch's losses is to be divided by. */
  weighTargets(): void {
    const targets = this.#header[HEADER.targets]!;
    let sum = this.#weights ? 0 : targets;
    for (let k = 0; this.#weights && k < targets; k++) {
      const place = this.#byRow ? k : this.#order[k]!;
      sum += this.#weights[this.#targets[place]!]!;
    }
    this.#divisor[0] = sum;
  }

  result(): BatchResult {
    const targets = this.#header[HEADER.targets]!;
    let lossSum = 0;
    let crossEntropySum = 0;
    let correct = 0;
    let squaredErrorSum = 0;
    const numbers = this.#numbers;
    for (let k = 0; k < targets; k++) {
      const place = this.#byRow ? k : this.#order[k]!;
      lossSum += this.#losses[place]!;
      if (this.#crossEntropies) crossEntropySum += this.#crossEntropies[place]!;
      if (numbers) squaredErrorSum += (numbers.predicted[place]! - numbers.targets[place]!) ** 2;
      else if (this.#isRight(place)) correct++;
    }
    return {
      lossSum,
      divisor: this.#divisor[0]!,
      crossEntropySum: this.#crossEntropies ? crossEntropySum : lossSum,
      correct,
      squaredErrorSum,
      targets,
      rows: this.#header[HEADER.rows]!,
      tokens: this.#header[HEADER.tokens]!,
    };
  }

  #isRight(place: number): boolean {
    const words = this.#targetWords;
    for (let word = place * words; word < (place + 1) * words; word++) {
      if (this.#predicted[word] !== this.#targets[word]) return false;
    }
    return true;
  }

  /** Global norm, before clipping, of the gradient that an update follows: of the batch, or the mean of several. */
  updateNorm(): number {
    if (!this.#accumulated) return this.gradientNorm();
    let sum = 0;
    for (const squares of this.#accumulated) {
      for (let unit = 0; unit < squares.length; unit++) sum += squares[unit]!;
    }
    return Math.sqrt(sum);
  }

  /** Global norm of the batch's gradient before clipping. */
  gradientNorm(): number {
    let sum = 0;
    for (const { values, parameter, distinct } of this.#squares) {
      const count = countSquares(parameter, distinct?.[1] ?? 0);
      for (let i = 0; i < count; i++) sum += values[i]!;
    }
    // Where rows are added to others these are differences: rounding may leave less than nothing of them.
    return Math.sqrt(Math.max(0, sum));
  }
}
