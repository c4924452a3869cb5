import type { Backend } from '../backend/backend.js';
import { adam } from '../backend/kernels/adam.js';
import type { RowMap } from '../backend/kernels/rows.js';
import type { DoubleTensor, Heap, IndexTensor, Tensor } from '../tensor/heap.js';
import { HEADER, TEAM, TEAM_FIELDS } from './batch-layout.js';
import { CLOCKS, type NetworkPlan, type ParameterPlan, type SlotPlan } from './plan.js';
import { firstPart, teamOf, type Teams } from './teams.js';

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
  rows: RowMap;
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
    rows: p.rows,
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
  return backend.bind(adam, {
    parameter: parameter.value,
    states: [parameter.moment1!, parameter.moment2!],
    gradient: sparse?.gradient ?? parameter.gradient!,
    ...(sparse && { index: sparse.index }),
    rows: parameter.rows,
    weightDecay: 0,
    done: parameter.done!,
    settings,
    scratch,
  });
}

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

/** The numbers of a laid-out batch, read from the heap without making objects. */
export class SlotView {
  readonly header: Int32Array;
  readonly #teams: Int32Array;
  readonly #sizes: Teams;
  /** Where each part's share of the work begins, from 0 to 1. [parts + 1] */
  readonly bounds: Float64Array;

  constructor(heap: Heap, plan: NetworkPlan, slot: number) {
    const slotPlan = plan.slots[slot]!;
    this.header = heap.flatIndices(slotPlan.header);
    this.#teams = heap.flatIndices(slotPlan.teams);
    this.#sizes = plan.sizes;
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

  /** Rows of a team, or their places. */
  team(team: number, field: keyof typeof TEAM): number {
    return this.#teams[team * TEAM_FIELDS + TEAM[field]]!;
  }

  /** The places [begin, end) of a part: its share of the team's. */
  places(part: number): [begin: number, end: number] {
    const team = teamOf(this.#sizes, part);
    return this.shareInTeam(this.team(team, 'places'), part, this.team(team, 'place0'));
  }

  /** The rows [begin, end) of a part: its share of the team's. */
  rowsOf(part: number): [begin: number, end: number] {
    const team = teamOf(this.#sizes, part);
    return this.shareInTeam(this.team(team, 'rows'), part, this.team(team, 'row0'));
  }

  /** One part's share [begin, end) of its team's `units` units, which begin at `first`. */
  shareInTeam(units: number, part: number, first = 0): [begin: number, end: number] {
    const team = teamOf(this.#sizes, part);
    return [first + this.#edge(units, part, team), first + this.#edge(units, part + 1, team)];
  }

  /** Where a part's share of its team's units begins: neighbours compute the same number. */
  #edge(units: number, part: number, team: number): number {
    const end = firstPart(this.#sizes, team + 1);
    if (part === end) return units;
    const from = this.bounds[firstPart(this.#sizes, team)]!;
    const length = this.bounds[end]! - from;
    return length > 0 ? Math.round((units * (this.bounds[part]! - from)) / length) : 0;
  }
}
