import type { NetworkPlan } from '../model/plan.js';
import type { Heap } from '../tensor/heap.js';
import { phasesOf } from './messages.js';

/** When a part was at work on a phase, in milliseconds of the clock that threads have in common. */
export interface PhaseMoments {
  phase: string;
  begin: number;
  end: number;
}

/** When the parts began and ended the phases of the stage that they went through last: [parts, phases, 2] on the heap. */
export class Moments {
  readonly #values: Float64Array;
  readonly #stride: number;

  constructor(
    heap: Heap,
    private readonly plan: Pick<NetworkPlan, 'moments' | 'sizes'>,
  ) {
    this.#values = heap.flatDoubles(plan.moments);
    this.#stride = plan.moments.stride[0]!;
  }

  /** @param index of the phase in its stage */
  note(part: number, index: number, begin: number, end: number): void {
    const place = part * this.#stride + 2 * index;
    this.#values[place] = begin;
    this.#values[place + 1] = end;
  }

  /** By part, of the update that was done last: where it follows from several batches, of the last one of these. */
  readUpdate(): PhaseMoments[][] {
    const { sizes } = this.plan;
    const { parts, accumulates } = sizes;
    const phases = phasesOf(accumulates ? 'train-accumulated' : 'train', sizes);
    return Array.from({ length: parts }, (_, part) =>
      phases.map((phase, index) => {
        const place = part * this.#stride + 2 * index;
        return { phase, begin: this.#values[place]!, end: this.#values[place + 1]! };
      }),
    );
  }
}
