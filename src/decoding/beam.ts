import { extend, type Path } from './path.js';
import { bestScoreOf, scoreOf, type Ranking } from './ranking.js';
import { forbiddenAfter, likeliest } from './rules.js';
import type { Found, NextTokens, Search, TextRules } from './search.js';

export interface BeamOptions extends TextRules, Ranking {
  /** Texts that are followed at a time; 1 takes the likeliest token each time. */
  readonly width: number;
  /** How many are wanted, at most as many as the beam is wide. */
  readonly wanted: number;
}

interface Candidate {
  readonly parent: number;
  readonly path: Path;
}

/**
 * Beam search. Of all ways in which the texts under way can go on, those go on that are likeliest, as many as the beam is
 * wide. Those among them that end are finished, and make room. It ends when as many have finished, when nothing is under way, or
 * when nothing that is can still become one of those wanted. Of ways as likely the text that ranks higher comes first, then the lower id.
 */
export class BeamSearch implements Search {
  live: readonly (Path | undefined)[] = [undefined];
  parents: readonly number[] = [0];
  readonly #finished: Found[] = [];
  #length = 0;

  constructor(private readonly options: BeamOptions) {}

  advance(next: NextTokens): void {
    const { width, end, maxLength } = this.options;
    if (this.#length === maxLength) {
      this.live.forEach((path, parent) => this.#cut(path, parent, next));
      this.live = [];
      return;
    }
    const candidates = this.live.flatMap((path, parent) => this.#goOn(path, parent, next));
    // Sorting keeps the order of those as likely: of their parents, and then of their ids.
    candidates.sort((a, b) => b.path.logProbability - a.path.logProbability || 0);
    const live: Candidate[] = [];
    candidates.forEach((candidate, rank) => {
      if (candidate.path.token !== end) {
        if (live.length < width) live.push(candidate);
      } else if (rank < width) this.#finish(candidate.path, false);
    });
    this.live = live.map(({ path }) => path);
    this.parents = live.map(({ parent }) => parent);
    this.#length += 1;
    if (this.#hasEnded()) this.live = [];
  }

  #goOn(path: Path | undefined, parent: number, next: NextTokens): Candidate[] {
    const probabilities = next.probabilities(parent);
    const attention = next.attention?.(parent);
    const forbidden = forbiddenAfter(path, this.options);
    // One more than can go on, since one of them may be the end.
    const ids = likeliest(probabilities, this.options.width + 1, forbidden);
    return ids.map((id) => ({ parent, path: extend(path, id, probabilities[id]!, attention) }));
  }

  /** A text that may be no longer ends, however unlikely that is. */
  #cut(path: Path | undefined, parent: number, next: NextTokens): void {
    const { end } = this.options;
    const probabilities = next.probabilities(parent);
    const [first] = likeliest(probabilities, 1, forbiddenAfter(path, this.options));
    this.#finish(extend(path, end, probabilities[end]!, next.attention?.(parent)), first !== end);
  }

  #finish(path: Path, isCut: boolean): void {
    this.#finished.push({ path, score: scoreOf(path, this.options), isCut });
  }

  #hasEnded(): boolean {
    const { width, wanted, maxLength } = this.options;
    if (this.#finished.length >= width) return true;
    const last = this.results()[wanted - 1];
    // The first of those under way is the likeliest, and all are as long.
    const [first] = this.live;
    return (
      last !== undefined &&
      first !== undefined &&
      bestScoreOf(first, maxLength + 1, this.options) <= last.score
    );
  }

  results(): Found[] {
    const ranked = this.#finished.toSorted((a, b) => b.score - a.score || 0);
    return ranked.slice(0, this.options.wanted);
  }
}
