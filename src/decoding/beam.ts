import { follow, logProbabilityOf, type Look, type Path } from './path.js';
import { bestScoreOf, scoreOf, type Ranking } from './ranking.js';
import { forbiddenAfter, likeliest, LikeliestNext, lookOf } from './rules.js';
import type { Found, NextTokens, Search, TextRules } from './search.js';

export interface BeamOptions extends TextRules, Ranking {
  /** Texts that are followed at a time; 1 takes the likeliest token each time. */
  readonly width: number;
  /** How many are wanted, at most as many as the beam is wide. */
  readonly wanted: number;
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
  /** By place of a text: what it goes on with next, and how likely both together are; NaN where it goes on no more. */
  readonly #ways: LikeliestNext[] = [];
  readonly #logs: number[] = [];

  constructor(private readonly options: BeamOptions) {}

  needsAll(ranks: number): boolean {
    const { width, left, noRepeat, maxLength } = this.options;
    return noRepeat > 0 || width + 1 + left.size > ranks || this.#length === maxLength;
  }

  advance(next: NextTokens, first = 0): void {
    const { maxLength } = this.options;
    if (this.#length === maxLength) {
      this.live.forEach((path, parent) => this.#cut(path, first + parent, next));
      this.live = [];
      return;
    }
    this.#goOn(next, first);
    this.#length += 1;
    if (this.#hasEnded()) this.live = [];
  }

  /** Of all ways the likeliest go on, as many as the beam is wide; those that end are finished, if they are among the first so many. */
  #goOn(next: NextTokens, first: number): void {
    const { live } = this;
    const { width, end } = this.options;
    // Of each text in their order, so that the likeliest of all is always the first one of some text.
    for (let parent = 0; parent < live.length; parent++) {
      const way = (this.#ways[parent] ??= new LikeliestNext());
      // One more than can go on, since one may be the end.
      way.begin(next, first + parent, width + 1, forbiddenAfter(live[parent], this.options));
      this.#take(parent);
    }
    const going: Path[] = [];
    const parents: number[] = [];
    const looks: (Look | undefined)[] = [];
    for (let rank = 0; going.length < width; rank++) {
      const parent = this.#likeliest(live.length);
      if (parent < 0) break;
      const { id } = this.#ways[parent]!;
      const ends = id === end;
      if (!ends || rank < width) {
        const look = (looks[parent] ??= lookOf(next, first + parent, this.options));
        const path = follow(live[parent], id, this.#logs[parent]!, look);
        if (ends) this.#finish(path, false);
        else parents[going.push(path) - 1] = parent;
      }
      this.#take(parent);
    }
    this.live = going;
    this.parents = parents;
  }

  /** The place of the text whose next way is the likeliest, of those as likely the one that ranks higher; −1 where there is none. */
  #likeliest(texts: number): number {
    const logs = this.#logs;
    let likeliest = -1;
    for (let other = 0; other < texts; other++) {
      const log = logs[other]!;
      if (!Number.isNaN(log) && (likeliest < 0 || log > logs[likeliest]!)) likeliest = other;
    }
    return likeliest;
  }

  #take(parent: number): void {
    const way = this.#ways[parent]!;
    this.#logs[parent] = way.take() ? logProbabilityOf(this.live[parent], way.probability) : NaN;
  }

  /** A text that may be no longer ends, however unlikely that is. */
  #cut(path: Path | undefined, place: number, next: NextTokens): void {
    const { end } = this.options;
    const probabilities = next.probabilities!(place);
    const [first] = likeliest(probabilities, 1, forbiddenAfter(path, this.options));
    const log = logProbabilityOf(path, probabilities[end]!);
    this.#finish(follow(path, end, log, lookOf(next, place, this.options)), first !== end);
  }

  #finish(path: Path, isCut: boolean): void {
    this.#finished.push({ path, score: scoreOf(path, this.options), isCut });
  }

  #hasEnded(): boolean {
    const { width, wanted, maxLength } = this.options;
    if (this.#finished.length >= width) return true;
    if (this.#finished.length < wanted) return false;
    const last = this.results()[wanted - 1]!;
    // The first of those under way is the likeliest, and all are as long.
    const [first] = this.live;
    return first !== undefined && bestScoreOf(first, maxLength + 1, this.options) <= last.score;
  }

  results(): Found[] {
    const ranked = this.#finished.toSorted((a, b) => b.score - a.score || 0);
    return ranked.slice(0, this.options.wanted);
  }
}
