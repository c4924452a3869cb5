import type { DistinctLayout } from './distinct-layout.js';

/**
 * Where every token of a batch lies on the heap, who computes it and in which order sums run over it. A pure
 * function of the batch, the number of shards and the shares of the teams of workers, and, for spellings, of the parts.
 *
 * Every team has a stretch of rows. Within it rows are ranked by falling length, so that the rows still running at
 * a time step are the first ones and finished rows cost nothing.
 *
 * Sums over tokens run shard after shard and within a shard step after step, in each step the longest row first: an
 * order that does not depend on who computes what. Tokens lie in memory in almost this order too: a block holds the
 * tokens of one shard that belong to one team. So the recurrence, which walks all rows at once, finds the rows of a
 * block side by side, and sums find their tokens one after the other. A block of an even number of places is followed
 * by an empty one: a distance of a power of two would map all blocks to the same few cache sets.
 */

/** Fixed places of a laid-out batch, each an array on the heap. */
export interface BatchLayout extends DistinctLayout {
  /** See HEADER. */
  header: Int32Array;
  /** [teams, TEAM_FIELDS]: see TEAM. */
  teams: Int32Array;
  /** [teams, steps]: active rows at each time step of each team. */
  counts: Int32Array;
  /** [shards + 1]: first token, and first row, of every shard. */
  shardTokens: Int32Array;
  shardRows: Int32Array;
  /** [tokens]: place of every token in the order of sums. */
  order: Int32Array;
  /** [rows + 1]: where the tokens of every row begin in `tokenPlaces`, row after row. */
  rowStart: Int32Array;
  /** [tokens]: place of every token, row after row. */
  tokenPlaces: Int32Array;
  /** The same with the tokens of every row from the last to the first; empty where no layer reads backwards. */
  reversedPlaces: Int32Array;
  /** [rows]: number of every row in the batch as it was read. */
  rowSource: Int32Array;
  /** [rows]: the rows of each team by falling length. */
  ranked: Int32Array;
  /** [tokens]: place of the token before each one in the order of sums, behind all places for the first of a row. */
  previous: Int32Array;
  /** [tokens]: how many tokens, this one included, lie one behind the other in both `order` and `previous`. */
  runs: Int32Array;
  /** The same for rows that are read backwards: the token behind each one comes before it. */
  following: Int32Array;
  reversedRuns: Int32Array;
  /** [places]: number of each place's token in the order of sums: dropout draws its random numbers by it. */
  numbers: Int32Array;
  /** [places]: the row of each place's token: dropout of features draws by it. */
  rowOf: Int32Array;
  /** The same of each feature of the tokens, and behind these of the letters of each that spells them. */
  features: readonly DistinctLayout[];
  /** Of each feature that spells tokens: its distinct spellings as a batch of their own. */
  spellings: readonly BatchLayout[];
  /** A second text of the same rows, of which teams and shards have the same: a batch of its own without targets. */
  source?: BatchLayout;
  /** [rows]: which row of the source each row has; empty where rows do not go on, so that each has that of its own number. */
  sourceRow: Int32Array;
  /**
   * [rows]: which row of the batch before each row goes on from, where that is told; each of these once, in the order in which they first
   * stand there; and which of them is each row's. Whatever many texts that go on from one have in common is computed once.
   */
  parents: Int32Array;
  distinctParents: Int32Array;
  parentOf: Int32Array;
  /** [rows, words] class, number or set of labels of each row, or [places] next token of each token. */
  targets: Int32Array;
}

export const HEADER = { rows: 0, tokens: 1, targets: 2, parents: 3 } as const;
/** Fields of a team: its first place and row, their numbers, and its time steps. */
export const TEAM = { place0: 0, places: 1, row0: 2, rows: 3, steps: 4 } as const;
export const TEAM_FIELDS = 8;
