import { draw } from './draw.js';
import { follow, logProbabilityOf, type Path } from './path.js';
import { scoreOf, type Ranking } from './ranking.js';
import { forbiddenAfter, likeliest, lookOf } from './rules.js';
import type { Found, NextTokens, Search, TextRules } from './search.js';

export interface SamplingOptions extends TextRules, Ranking {
  /** How many texts are drawn, each by itself. */
  readonly wanted: number;
  readonly temperature: number;
  readonly topK: number;
  readonly seed: number;
  /** Tells sentences apart: those with the same number draw the same. The texts drawn of one take the numbers from it on. */
  readonly stream: number;
}

/** Draws each token by its probability. What is drawn depends on the seed and the sentence, not on what else is drawn, nor on how much. */
export class Sampling implements Search {
  live: readonly (Path | undefined)[] = [undefined];
  parents: readonly number[] = [0];
  /** For each of the texts that are drawn which of those under way it is so far: before the first token all are one. */
  #samples: readonly { sample: number; place: number }[];
  readonly #finished: Found[] = [];
  #length = 0;

  constructor(private readonly options: SamplingOptions) {
    this.#samples = Array.from({ length: options.wanted }, (_, sample) => ({ sample, place: 0 }));
  }

  needsAll(): boolean {
    return true;
  }

  advance(next: NextTokens, first = 0): void {
    const { end, maxLength, stream } = this.options;
    const isLast = this.#length === maxLength;
    const going: { sample: number; parent: number; path: Path }[] = [];
    for (const { sample, place } of this.#samples) {
      const path = this.live[place];
      const probabilities = next.probabilities!(first + place);
      const forbidden = forbiddenAfter(path, this.options);
      const own = (stream + sample) >>> 0;
      const token = isLast ? end : draw(probabilities, forbidden, this.options, this.#length, own);
      const log = logProbabilityOf(path, probabilities[token]!);
      const longer = follow(path, token, log, lookOf(next, first + place, this.options));
      if (token !== end) going.push({ sample, parent: place, path: longer });
      else {
        const isCut = isLast && likeliest(probabilities, 1, forbidden)[0] !== end;
        this.#finished.push({ path: longer, score: scoreOf(longer, this.options), isCut });
      }
    }
    this.live = going.map(({ path }) => path);
    this.parents = going.map(({ parent }) => parent);
    this.#samples = going.map(({ sample }, place) => ({ sample, place }));
    this.#length += 1;
  }

  results(): Found[] {
    return this.#finished.toSorted((a, b) => b.score - a.score || 0);
  }
}
