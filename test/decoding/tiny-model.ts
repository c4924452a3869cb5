import { PURPOSE, uniform, streamOf } from '../../src/tensor/random.js';
import { BeamSearch, type BeamOptions } from '../../src/decoding/beam.js';
import { tokensOf, type Path } from '../../src/decoding/path.js';
import { likeliest } from '../../src/decoding/rules.js';
import type { NextTokens, RankedTokens, Search } from '../../src/decoding/search.js';

/** A model of a few tokens, the last of which ends a text: what follows depends on all that was written, and on nothing else. */
export class TinyModel {
  readonly end: number;

  /** @param sharpness how far probabilities are apart */
  constructor(
    private readonly seed: number,
    readonly vocabulary: number,
    private readonly sharpness = 3,
    private readonly positions = 4,
  ) {
    this.end = vocabulary - 1;
  }

  /** [vocabulary] of what follows some tokens. */
  next(tokens: readonly number[]): Float32Array {
    const weights = this.#draw(`next ${tokens.join(' ')}`, this.vocabulary).map((number) =>
      Math.exp(this.sharpness * number),
    );
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return Float32Array.from(weights, (weight) => weight / sum);
  }

  /** [source positions] */
  attention(tokens: readonly number[]): Float32Array {
    const weights = this.#draw(`attention ${tokens.join(' ')}`, this.positions);
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return Float32Array.from(weights, (weight) => weight / sum);
  }

  #draw(what: string, count: number): number[] {
    return Array.from({ length: count }, (_, i) =>
      uniform(this.seed, PURPOSE.weights, streamOf(what), i),
    );
  }

  /** Every text there is, with its end. */
  texts(maxLength: number, before: readonly number[] = []): number[][] {
    const ended = [...before, this.end];
    if (before.length === maxLength) return [ended];
    const longer = Array.from({ length: this.end }, (_, token) =>
      this.texts(maxLength, [...before, token]),
    );
    return [ended, ...longer.flat()];
  }

  logProbability(text: readonly number[]): number {
    return text.reduce((sum, token, i) => sum + Math.log(this.next(text.slice(0, i))[token]!), 0);
  }
}

/** Has a search ended, as one alone would. */
export function finish(search: Search, model: TinyModel, ranks = 0): Search {
  while (search.live.length > 0) advance(search, model, ranks);
  return search;
}

/** @param ranks tokens that are ranked beforehand, if any */
export function advance(search: Search, model: TinyModel, ranks = 0): void {
  const paths: readonly (Path | undefined)[] = search.live;
  const probabilities = (place: number): Float32Array => model.next(tokensOf(paths[place]));
  search.advance({
    ...tell(probabilities, ranks, search.needsAll(ranks)),
    attention: (place) => model.attention(tokensOf(paths[place])),
  });
}

/** All probabilities where they are needed, and as many of the likeliest as are ranked. */
export function tell(
  probabilities: (place: number) => Float32Array,
  ranks: number,
  needsAll: boolean,
): NextTokens {
  return {
    ...((needsAll || ranks === 0) && { probabilities }),
    ...(ranks > 0 && { ranked: rankedOf(probabilities, ranks) }),
  };
}

/** Texts of a step, at most. */
const PLACES = 1024;

/** Each text's are ranked when somebody asks where they are. */
function rankedOf(probabilities: (place: number) => Float32Array, ranks: number): RankedTokens {
  const ids = new Int32Array(PLACES * ranks).fill(-1);
  const likely = new Float32Array(PLACES * ranks);
  return {
    ...{ ranks, ids, probabilities: likely },
    startOf(place) {
      const all = probabilities(place);
      likeliest(all, ranks, new Set()).forEach((id, rank) => {
        ids[place * ranks + rank] = id;
        likely[place * ranks + rank] = all[id]!;
      });
      return place * ranks;
    },
  };
}

export function beam(model: TinyModel, options: Partial<BeamOptions>): BeamSearch {
  return new BeamSearch({
    ...{ end: model.end, maxLength: 4, left: new Set<number>(), noRepeat: 0 },
    keepsAttention: true,
    ...{ lengthNormalisation: 'average', coveragePenalty: 0, width: 1, wanted: 1 },
    ...options,
  });
}
