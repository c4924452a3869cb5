/**
 * Parts work in teams. A team shares a stretch of the batch's rows: in the recurrence its members divide the hidden
 * units among them and meet after every time step, elsewhere the rows. A team of one has its rows to itself. Who
 * computes what makes no difference to the results.
 */
export interface Teams {
  parts: number;
  /** From 1 (all parts are one team) to `parts` (each is one of its own). */
  teams: number;
}

/** One part's work in a phase: yields where the members of its team meet. */
export type Share = Generator<void, void, void>;

/** First part of a team; that of the team behind the last is `parts`. */
export function firstPart({ parts, teams }: Teams, team: number): number {
  return Math.floor((team * parts) / teams);
}

/** The team of a part. */
export function teamOf({ parts, teams }: Teams, part: number): number {
  return Math.floor(((part + 1) * teams - 1) / parts);
}

/** Members of the largest team. */
export function largestTeam({ parts, teams }: Teams): number {
  return Math.ceil(parts / teams);
}

/** What a step of the recurrence is taken to cost. Only who computes depends on it. */
const COSTS = {
  /** Multiply-adds of one core in a microsecond. */
  multiplyAdds: 60_000,
  /** Rows below which a product takes as long as with this many: weights from the second-level cache, and from beyond. */
  fewRowsNear: 4,
  fewRowsFar: 10,
  /** Weights that stay in a core's cache. */
  nearBytes: 2 ** 20,
  /** Microseconds that it takes a team to meet, and more for each member. */
  meeting: 1,
  member: 0.1,
  /** How much longer the slowest member takes for a time step than the others. */
  slowest: 1.08,
} as const;

/** How long a core takes, about, for a product of so many rows with so many weights. */
export function microsecondsOf(weights: number, rows: number): number {
  const fewest = 4 * weights > COSTS.nearBytes ? COSTS.fewRowsFar : COSTS.fewRowsNear;
  return (weights * Math.max(rows, fewest)) / COSTS.multiplyAdds;
}

/** What the choice of teams depends on, of one recurrent layer. */
export interface Recurrence {
  /** Panels of 16 hidden units. */
  units: number;
  /** Sums for each unit. */
  gates: number;
  /** In every time step. */
  meetings: number;
}

/**
 * The number of teams that a step is likely to be fastest with. Few rows for each worker mean that all of the
 * recurrent weights are fetched for few multiply-adds, in every time step; a team needs a share of the weights, for
 * more rows, but has to meet.
 *
 * @param recurrences of each recurrent layer
 * @param rows of a batch
 */
export function chooseTeams(
  recurrences: readonly Recurrence[],
  rows: number,
  parts: number,
): number {
  const cost = (teams: number): number => {
    const members = parts / teams;
    const teamRows = Math.ceil(rows / teams);
    return recurrences.reduce((sum, { units, gates, meetings }) => {
      const own = Math.ceil(units / members);
      const weights = gates * 16 * own * 16 * units;
      const alone = microsecondsOf(weights, teamRows);
      const meeting = meetings * (COSTS.meeting + COSTS.member * members);
      return sum + (members > 1 ? alone * COSTS.slowest + meeting : alone);
    }, 0);
  };
  let best = parts;
  for (let teams = parts - 1; teams > 0; teams--) {
    if (parts % teams === 0 && cost(teams) < cost(best)) best = teams;
  }
  return best;
}
