import { stepsOf, type Path } from './path.js';

/** How finished texts are compared: long ones are less likely than short ones, for being long alone. */
export interface Ranking {
  /**
   * What ln p is divided by: the number of tokens (`average`), or ((5 + tokens) / 6)^α (Wu et al. 2016), which is 1 for α = 0; the end
   * is a token, too.
   */
  readonly lengthNormalisation: 'average' | number;
  /** Wu's β: how much it costs that words of the source were hardly looked at. */
  readonly coveragePenalty: number;
}

/** Attention below which a word of the source costs no more. */
const LEAST_COVERAGE = 1e-6;

export function scoreOf(path: Path, ranking: Ranking): number {
  const score = path.logProbability / divisorOf(path.length, ranking);
  const { coveragePenalty } = ranking;
  return coveragePenalty === 0 ? score : score + coveragePenalty * coverageOf(path);
}

/**
 * What a text that goes on can still come to: its ln p does not rise, and the longer it becomes the more that is divided by.
 *
 * @param longest tokens, the end included
 */
export function bestScoreOf(path: Path, longest: number, ranking: Ranking): number {
  return path.logProbability / divisorOf(longest, ranking);
}

function divisorOf(length: number, { lengthNormalisation }: Ranking): number {
  return lengthNormalisation === 'average' ? length : ((5 + length) / 6) ** lengthNormalisation;
}

/** Sum over the source's words of the logarithm of all attention that each had, of which more than 1 is no better: at most 0. */
function coverageOf(path: Path): number {
  const seen: number[] = [];
  for (const { look } of stepsOf(path)) {
    look?.attention?.forEach((share, position) => (seen[position] = (seen[position] ?? 0) + share));
  }
  return seen.reduce((sum, all) => sum + Math.log(Math.min(1, Math.max(all, LEAST_COVERAGE))), 0);
}
