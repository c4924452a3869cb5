import type { Backend } from '../backend/kernels.js';
import type { DoubleTensor, Heap, IndexTensor, Tensor } from '../tensor/heap.js';
import { HEADER, PART, PART_FIELDS } from './batch-layout.js';
import { CLOCKS, type NetworkPlan, type ParameterPlan, type SlotPlan } from './plan.js';

/** What layers need to bind their kernels: a backend, the planned heap, one slot and one thread's scratch. */
export interface Binding {
  backend: Backend;
  heap: Heap;
  plan: NetworkPlan;
  slot: number;
  slotPlan: SlotPlan;
  scratch: Tensor;
  settings: DoubleTensor;
  clock: Clock;
}

/** A parameter's views on the heap; the optional ones exist in training. */
export interface BoundParameter {
  value: Tensor;
  gates: boolean;
  units: number;
  moment1?: Tensor;
  moment2?: Tensor;
  gradient?: Tensor;
  done?: IndexTensor;
  squares?: DoubleTensor;
}

export function bindParameter(binding: Binding, name: string): BoundParameter {
  const { heap, plan } = binding;
  const found = plan.parameters.find((parameter) => parameter.name === name);
  if (!found) throw new Error(`the network has no parameter ${name}`);
  const p: ParameterPlan = found;
  return {
    value: heap.tensor(p.value),
    gates: p.gates,
    units: p.units,
    ...(p.moment1 && { moment1: heap.tensor(p.moment1) }),
    ...(p.moment2 && { moment2: heap.tensor(p.moment2) }),
    ...(p.gradient && { gradient: heap.tensor(p.gradient) }),
    ...(p.done && { done: heap.indices(p.done) }),
    ...(p.squares && { squares: heap.doubles(p.squares) }),
  };
}

/**
 * Binds the update of a parameter.
 *
 * @param sparse gradient by distinct token, in place of a dense one, and each row's place in it
 */
export function bindAdam(
  { backend, settings, scratch }: Binding,
  parameter: BoundParameter,
  sparse?: { gradient: Tensor; index: IndexTensor },
): (unit0: number, unit1: number) => void {
  return backend.adam({
    parameter: parameter.value,
    moment1: parameter.moment1!,
    moment2: parameter.moment2!,
    gradient: sparse?.gradient ?? parameter.gradient!,
    ...(sparse && { index: sparse.index }),
    gates: parameter.gates,
    done: parameter.done!,
    settings,
    scratch,
  });
}

/** Seconds spent by one part on each kind of work, summed on the heap since the coordinator last read them. */
export class Clock {
  #last = 0;
  #row = 0;

  constructor(private readonly seconds: DoubleTensor) {}

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

/** The numbers of a laid-out batch, read from the heap without making objects. */
export class SlotView {
  readonly header: Int32Array;
  readonly parts: Int32Array;
  /** Where each part's share of the work begins, from 0 to 1. [parts + 1] */
  readonly bounds: Float64Array;

  constructor(heap: Heap, plan: NetworkPlan, slot: number) {
    const slotPlan = plan.slots[slot]!;
    this.header = heap.flatIndices(slotPlan.header);
    this.parts = heap.flatIndices(slotPlan.parts);
    this.bounds = heap.flatDoubles(plan.bounds[slot]!);
  }

  /** One part's share [begin, end) of `units` units. */
  share(units: number, part: number): [begin: number, end: number] {
    return [Math.floor(units * this.bounds[part]!), Math.floor(units * this.bounds[part + 1]!)];
  }

  get rows(): number {
    return this.header[HEADER.rows]!;
  }
  get tokens(): number {
    return this.header[HEADER.tokens]!;
  }
  get distinct(): number {
    return this.header[HEADER.distinct]!;
  }
  get targets(): number {
    return this.header[HEADER.targets]!;
  }
  part(part: number, field: keyof typeof PART): number {
    return this.parts[part * PART_FIELDS + PART[field]]!;
  }
}
