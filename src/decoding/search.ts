import type { Path } from './path.js';

/**
 * Texts of a sentence that are being written: whoever has a network asks which are under way, computes what may follow each, and says so, until
 * none is left. Sentences know nothing of each other, so that many can be computed in one batch and each comes to what it would alone.
 */
export interface Writing {
  /** Those that go on, by the token that each has come to; undefined is the text of no token, which all begin with. None when all have ended. */
  readonly live: readonly (Pick<Path, 'token'> | undefined)[];
  /** For each of them which of those of the step before it continues: whose states it starts from. */
  readonly parents: readonly number[];
  /**
   * Whether it will look at the probabilities of all tokens next.
   *
   * @param ranks how many of the likeliest are told anyway
   */
  needsAll(ranks: number): boolean;
  /**
   * Takes what may follow.
   *
   * @param first where those that are live begin among all that are told of; 0 where absent
   */
  advance(next: NextTokens, first?: number): void;
}

/** The search for a sentence's best translations, as pure arithmetic over the probabilities of next tokens. */
export interface Search extends Writing {
  readonly live: readonly (Path | undefined)[];
  /** What was found, the best first. */
  results(): Found[];
}

/** What may follow each text of a step, by its place. */
export interface NextTokens {
  /** [vocabulary] of the text in that place; looked at before the next one is asked for. Absent where nobody needs all. */
  probabilities?(place: number): Float32Array | Float64Array;
  ranked?: RankedTokens;
  /** [source positions]: where the network looks meanwhile; looked at before the next one is asked for. */
  attention?(place: number): Float32Array;
}

/** The likeliest tokens of each text, of equals the one with the lower id first; behind them come all others. */
export interface RankedTokens {
  /** How many of each; where there are fewer tokens, ids of −1 stand behind them. */
  readonly ranks: number;
  readonly ids: Int32Array;
  readonly probabilities: ArrayLike<number>;
  /** Where those of a text begin. */
  readonly startOf: (place: number) => number;
}

export interface Found {
  /** Ends with the end of the text. */
  readonly path: Path;
  /** What it was ranked by: ln p, with length and coverage taken into account. */
  readonly score: number;
  /** Whether it ends because it may be no longer: something else than the end was likelier. */
  readonly isCut: boolean;
}

/** What a text may be made of. */
export interface TextRules {
  /** Id of the token that ends a text. */
  readonly end: number;
  /** Tokens before the end, at most. */
  readonly maxLength: number;
  /** Ids that are not written. */
  readonly left: ReadonlySet<number>;
  /** Tokens in a row of which a text has no two alike; 0 where it may. */
  readonly noRepeat: number;
  /** Whether found texts tell what was attended to, not only where most. */
  readonly keepsAttention: boolean;
}
