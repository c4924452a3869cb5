import type { NetworkPlan } from '../model/plan.js';
import type { Heap } from '../tensor/heap.js';
import { phasesOf } from './messages.js';

/** When a part was at work on a phase, in milliseconds of the clock that threads have in common. */
export interface PhaseMoments {
  phase: string;
  begin: number;
  end: number;
}

/** When the parts began and ended the phases of the stage that they went through last, by slot: [slots, parts, phases, 2] on the heap. */
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
  note(slot: number, part: number, index: number, begin: number, end: number): void {
    const place = this.#placeOf(slot, part, index);
    this.#values[place] = begin;
    this.#values[place + 1] = end;
  }

  /** When the last part ended a stage's last phase, of `phases`. */
  endOf(slot: number, phases: number): number {
    let end = 0;
    for (let part = 0; part < this.plan.sizes.parts; part++) {
      end = Math.max(end, this.#values[this.#placeOf(slot, part, phases - 1) + 1]!);
    }
    return end;
  }

  /** By part, of the update that was done last in a slot: where it follows from several batches, of the last one of these. */
  readUpdate(slot: number): PhaseMoments[][] {
    const { sizes } = this.plan;
    const { parts, accumulates } = sizes;
    const phases = phasesOf(accumulates ? 'train-accumulated' : 'train', sizes);
    return Array.from({ length: parts }, (_, part) =>
      phases.map((phase, index) => {
        const place = this.#placeOf(slot, part, index);
        return { phase, begin: this.#values[place]!, end: this.#values[place + 1]! };
      }),
    );
  }

  #placeOf(slot: number, part: number, index: number): number {
    return (slot * this.plan.sizes.parts + part) * this.#stride + 2 * index;
  }
}
