import { firstPart, teamOf } from '../work/teams.js';
import type { Binding } from '../binding.js';

/**
 * Where the tokens of a time step lie that a part computes where layers go step by step: in stretches of places, one for each shard that its
 * team has rows of, which the members of the team have in turns. The tokens of a step lie side by side there (see batch/batch-layout.ts).
 */
export class StepPlaces {
  /** By part: [shards]: of the step that was looked for last. */
  readonly begins: readonly Int32Array[];
  readonly ends: readonly Int32Array[];
  readonly #rowStart: Int32Array;
  readonly #tokenPlaces: Int32Array;
  readonly #shardRows: Int32Array;

  constructor(private readonly binding: Binding) {
    const { heap, slotPlan, sizes } = binding;
    this.#rowStart = heap.flatIndices(slotPlan.rowStart);
    this.#tokenPlaces = heap.flatIndices(slotPlan.tokenPlaces);
    this.#shardRows = heap.flatIndices(slotPlan.shardRows);
    const lists = (): Int32Array[] =>
      Array.from({ length: sizes.parts }, () => new Int32Array(sizes.shards));
    [this.begins, this.ends] = [lists(), lists()];
  }

  /** Steps of the longest row of a part's team. */
  steps(part: number): number {
    const { sizes, view } = this.binding;
    return view.team(teamOf(sizes, part), 'steps');
  }

  /** Looks for the places of a part in step t. @returns how many stretches these are */
  find(part: number, t: number): number {
    const { sizes, view } = this.binding;
    const team = teamOf(sizes, part);
    const part0 = firstPart(sizes, team);
    const members = firstPart(sizes, team + 1) - part0;
    const row0 = view.team(team, 'row0');
    const row1 = row0 + view.team(team, 'rows');
    let count = 0;
    for (let shard = 0; shard < sizes.shards; shard++) {
      if (shard % members !== part - part0) continue;
      const [first, last] = [this.#shardRows[shard]!, this.#shardRows[shard + 1]!];
      let [begin, tokens] = [Infinity, 0];
      for (let row = Math.max(row0, first); row < Math.min(row1, last); row++) {
        const token = this.#rowStart[row]! + t;
        if (token >= this.#rowStart[row + 1]!) continue;
        begin = Math.min(begin, this.#tokenPlaces[token]!);
        tokens++;
      }
      if (tokens === 0) continue;
      this.begins[part]![count] = begin;
      this.ends[part]![count] = begin + tokens;
      count++;
    }
    return count;
  }
}
