import type { BufferSpec, Heap } from '../../tensor/heap.js';
import { firstPart, teamOf, type Teams } from '../work/teams.js';
import { HEADER, TEAM, TEAM_FIELDS } from './batch-layout.js';
import type { SlotPlan } from './slot-plan.js';

const NONE = [0, 0] as const;

/** The numbers of a laid-out batch, read from the heap without making objects. */
export class SlotView {
  readonly header: Int32Array;
  readonly #teams: Int32Array;
  readonly #sizes: Teams;
  /** Where each part's share of the work begins, from 0 to 1. [parts + 1] */
  readonly bounds: Float64Array;
  readonly #divisor: Float64Array;
  /** By stream: see `distinctRange` of a layout. */
  readonly #distinctRanges: readonly Int32Array[];
  /** Of the batches of spellings, of whose rows each part has some to itself. */
  readonly spellings: readonly SlotView[];
  /** Of the batch of the source, of whose rows each part has those that it has of the batch. */
  readonly source?: SlotView;

  /** @param of the slot's batch: see NetworkPlan */
  constructor(
    heap: Heap,
    sizes: Teams,
    slotPlan: SlotPlan,
    of: { bounds: BufferSpec; divisor: BufferSpec },
  ) {
    this.header = heap.flatIndices(slotPlan.header);
    this.#teams = heap.flatIndices(slotPlan.teams);
    this.#sizes = sizes;
    this.bounds = heap.flatDoubles(of.bounds);
    this.#distinctRanges = [slotPlan, ...slotPlan.features].map(({ distinctRange }) =>
      heap.flatIndices(distinctRange),
    );
    this.#divisor = heap.flatDoubles(of.divisor);
    if (slotPlan.source) this.source = new SlotView(heap, sizes, slotPlan.source, of);
    const alone = { parts: sizes.parts, teams: sizes.parts };
    this.spellings = slotPlan.spellings.map((each) => new SlotView(heap, alone, each, of));
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
  /** Rows of the batch before that its rows go on from. */
  get parents(): number {
    return this.header[HEADER.parents]!;
  }
  /** Distinct tokens of the batch, or distinct values of a feature of theirs, or letters. */
  distinct(stream = 0): number {
    return this.#distinctRanges[stream]![1]!;
  }
  /** What the sum of the losses is divided by. */
  get divisor(): number {
    return this.#divisor[0]!;
  }

  /** Whether a part has others in its team. */
  isInTeam(part: number): boolean {
    const team = teamOf(this.#sizes, part);
    return firstPart(this.#sizes, team + 1) - firstPart(this.#sizes, team) > 1;
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

  /** How much of all places a part has, those of the source included: from 0 to 1. */
  shareOfPlaces(part: number): number {
    const [begin, end] = this.places(part);
    const source = this.source?.places(part) ?? NONE;
    const all = this.allPlaces + (this.source?.allPlaces ?? 0);
    return (end - begin + source[1] - source[0]) / all;
  }

  get allPlaces(): number {
    const last = this.#sizes.teams - 1;
    return this.team(last, 'place0') + this.team(last, 'places');
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
