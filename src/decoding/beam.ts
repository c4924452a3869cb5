import { extend, logProbabilityOf, type Look, type Path } from './path.js';
import { bestScoreOf, scoreOf, type Ranking } from './ranking.js';
import { forbiddenAfter, likeliest, LikeliestNext, lookOf } from './rules.js';
import type { Found, Likely, NextTokens, Search, TextRules } from './search.js';

export interface BeamOptions extends TextRules, Ranking {
  /** Texts that are followed at a time; 1 takes the likeliest token each time. */
  readonly width: number;
  /** How many are wanted, at most as many as the beam is wide. */
  readonly wanted: number;
}

/** A token that one of the texts under way goes on with. */
interface Way extends Likely {
  readonly parent: number;
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

  needsAll(ranks: number): boolean {
    const { width, left, noRepeat, maxLength } = this.options;
    return noRepeat > 0 || width + 1 + left.size > ranks || this.#length === maxLength;
  }

  advance(next: NextTokens): void {
    const { maxLength } = this.options;
    if (this.#length === maxLength) {
      this.live.forEach((path, parent) => this.#cut(path, parent, next));
      this.live = [];
      return;
    }
    const { going, ending } = this.#choose(next);
    const looks = new Map<number, Look | undefined>();
    const goOn = ({ parent, id, probability }: Way): Path => {
      if (!looks.has(parent)) looks.set(parent, lookOf(next, parent, this.options));
      return extend(this.live[parent], id, probability, looks.get(parent));
    };
    for (const way of ending) this.#finish(goOn(way), false);
    this.live = going.map(goOn);
    this.parents = going.map(({ parent }) => parent);
    this.#length += 1;
    if (this.#hasEnded()) this.live = [];
  }

  /** Of all ways the likeliest that go on, as many as the beam is wide, and among the first so many those that end. */
  #choose(next: NextTokens): { going: Way[]; ending: Way[] } {
    const { width, end } = this.options;
    // Of each text in their order, so that the likeliest of all is always the first one of some text. One more than can go on, since one may be the end.
    const ways = this.live.map(
      (path, parent) =>
        new LikeliestNext(next, parent, width + 1, forbiddenAfter(path, this.options)),
    );
    const firsts = ways.map((each) => each.take());
    const logs = firsts.map((first, parent) => this.#logOf(parent, first));
    const [going, ending]: [Way[], Way[]] = [[], []];
    for (let rank = 0; going.length < width; rank++) {
      let parent = -1;
      for (let other = 0; other < logs.length; other++) {
        const log = logs[other]!;
        // Of those as likely the text that ranks higher comes first.
        if (!Number.isNaN(log) && (parent < 0 || log > logs[parent]!)) parent = other;
      }
      if (parent < 0) break;
      const { id, probability } = firsts[parent]!;
      if (id !== end) going.push({ parent, id, probability });
      else if (rank < width) ending.push({ parent, id, probability });
      const first = ways[parent]!.take();
      firsts[parent] = first;
      logs[parent] = this.#logOf(parent, first);
    }
    return { going, ending };
  }

  /** Of a text and what it may go on with; NaN for nothing. */
  #logOf(parent: number, first: Likely | undefined): number {
    return first ? logProbabilityOf(this.live[parent], first.probability) : NaN;
  }

  /** A text that may be no longer ends, however unlikely that is. */
  #cut(path: Path | undefined, parent: number, next: NextTokens): void {
    const { end } = this.options;
    const probabilities = next.probabilities!(parent);
    const [first] = likeliest(probabilities, 1, forbiddenAfter(path, this.options));
    const look = lookOf(next, parent, this.options);
    this.#finish(extend(path, end, probabilities[end]!, look), first !== end);
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
