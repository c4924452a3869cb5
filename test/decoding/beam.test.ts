import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stepsOf, tokensOf } from '../../src/decoding/path.js';
import type { Ranking } from '../../src/decoding/ranking.js';
import { tries } from '../effort.js';
import { advance, beam, finish, TinyModel } from './tiny-model.js';

const models = fc
  .record({
    seed: fc.nat(1e6),
    vocabulary: fc.integer({ min: 2, max: 4 }),
    sharpness: fc.constantFrom(0.5, 3, 12),
  })
  .map(({ seed, vocabulary, sharpness }) => new TinyModel(seed, vocabulary, sharpness));
const rankings: fc.Arbitrary<Ranking> = fc.record({
  lengthNormalisation: fc.constantFrom('average' as const, 0, 0.6, 1),
  coveragePenalty: fc.constantFrom(0, 0.4),
});
const lengths = fc.integer({ min: 0, max: 4 });

/** What a text is ranked by, told apart from how the search comes to it. */
function rank(model: TinyModel, text: readonly number[], ranking: Ranking): number {
  const { lengthNormalisation, coveragePenalty } = ranking;
  const divisor =
    lengthNormalisation === 'average'
      ? text.length
      : Math.pow(5 + text.length, lengthNormalisation) / Math.pow(6, lengthNormalisation);
  const attention = text.map((_, i) => model.attention(text.slice(0, i)));
  const coverage = Array.from(attention[0]!, (_, position) =>
    Math.log(
      Math.min(
        1,
        attention.reduce((sum, each) => sum + each[position]!, 0),
      ),
    ),
  );
  return (
    model.logProbability(text) / divisor + coveragePenalty * coverage.reduce((sum, c) => sum + c, 0)
  );
}

function hasRepeat(text: readonly number[], order: number): boolean {
  const ngrams = text.slice(order - 1).map((_, i) => text.slice(i, i + order).join(' '));
  return new Set(ngrams).size < ngrams.length;
}

/** Beam search with everything sorted in every step, ranked by the mean ln p of a token. */
function searchPlainly(model: TinyModel, maxLength: number, width: number): number[][] {
  const likely = (text: readonly number[]): number => model.logProbability(text);
  const finished: number[][] = [];
  let live: number[][] = [[]];
  for (let length = 0; live.length > 0 && finished.length < width; length++) {
    const ids = Array.from({ length: model.vocabulary }, (_, id) => id);
    const allowed = length === maxLength ? [model.end] : ids;
    const ways = live
      .flatMap((text) => allowed.map((id) => [...text, id]))
      .sort((a, b) => likely(b) - likely(a));
    const ends = (text: readonly number[]): boolean => text.at(-1) === model.end;
    finished.push(...ways.slice(0, width).filter(ends));
    live = ways.filter((text) => !ends(text)).slice(0, width);
  }
  return finished.sort((a, b) => likely(b) / b.length - likely(a) / a.length).slice(0, width);
}

describe('beam search', () => {
  it('finds what enumeration finds where the beam is wider than the tree', () => {
    const many = fc.tuple(models, rankings, lengths, fc.integer({ min: 1, max: 5 }));
    fc.assert(
      fc.property(many, ([model, ranking, maxLength, wanted]) => {
        const found = finish(
          beam(model, { ...ranking, maxLength, wanted, width: 1000 }),
          model,
        ).results();
        const ranked = model
          .texts(maxLength)
          .map((text) => ({ text, score: rank(model, text, ranking) }))
          .sort((a, b) => b.score - a.score)
          .slice(0, wanted);
        expect(found.map(({ score }) => score)).toEqual(
          ranked.map(({ score }) => expect.closeTo(score, 9) as number),
        );
        expect(tokensOf(found[0]!.path)).toEqual(ranked[0]!.text);
      }),
      { numRuns: tries(60) },
    );
  });

  it('leaves out what repeats itself, and finds the best of the rest', () => {
    const many = fc.tuple(models, fc.integer({ min: 1, max: 3 }));
    fc.assert(
      fc.property(many, ([model, noRepeat]) => {
        const [found] = finish(beam(model, { noRepeat, width: 1000 }), model).results();
        const ranking = { lengthNormalisation: 'average', coveragePenalty: 0 } as const;
        const best = model
          .texts(4)
          .filter((text) => !hasRepeat(text, noRepeat))
          .map((text) => rank(model, text, ranking));
        expect(found!.score).toBeCloseTo(Math.max(...best), 9);
      }),
      { numRuns: tries(40) },
    );
  });

  it('takes the likeliest token each time where the beam has room for one', () => {
    const many = fc.tuple(models, lengths, fc.integer({ min: 0, max: 2 }));
    fc.assert(
      fc.property(many, ([model, maxLength, noRepeat]) => {
        const [found] = finish(beam(model, { maxLength, noRepeat }), model).results();
        const text: number[] = [];
        while (text.at(-1) !== model.end) {
          const probabilities = model.next(text);
          const allowed = Array.from(probabilities.keys()).filter((id) =>
            text.length === maxLength
              ? id === model.end
              : noRepeat === 0 || !hasRepeat([...text, id], noRepeat),
          );
          text.push(allowed.reduce((a, b) => (probabilities[b]! > probabilities[a]! ? b : a)));
        }
        expect(tokensOf(found!.path)).toEqual(text);
        expect(found!.path.logProbability).toBeCloseTo(model.logProbability(text), 9);
      }),
      { numRuns: tries(60) },
    );
  });

  it('goes on with the likeliest of all ways to go on, and with those that end among them ends', () => {
    const many = fc.tuple(models, lengths, fc.integer({ min: 1, max: 4 }));
    fc.assert(
      fc.property(many, ([model, maxLength, width]) => {
        const options = {
          maxLength,
          width,
          wanted: width,
          lengthNormalisation: 'average',
        } as const;
        const found = finish(beam(model, options), model).results();
        expect(found.map(({ path }) => tokensOf(path))).toEqual(
          searchPlainly(model, maxLength, width),
        );
      }),
      { numRuns: tries(80) },
    );
  });

  it('finds the same whoever else is searched for meanwhile, and in which order', () => {
    const many = fc.tuple(fc.array(models, { minLength: 2, maxLength: 5 }), rankings);
    fc.assert(
      fc.property(many, ([all, ranking]) => {
        const open = (): ReturnType<typeof beam>[] =>
          all.map((model) => beam(model, { ...ranking, width: 3, wanted: 2 }));
        const alone = open().map((search, i) => finish(search, all[i]!).results());
        const together = open();
        while (together.some(({ live }) => live.length > 0)) {
          for (let i = together.length - 1; i >= 0; i--) {
            if (together[i]!.live.length > 0) advance(together[i]!, all[i]!);
          }
        }
        expect(together.map((search) => search.results())).toEqual(alone);
      }),
      { numRuns: tries(30) },
    );
  });

  it('finds the same from a few tokens that were ranked beforehand as from all', () => {
    const options = fc.record({
      width: fc.integer({ min: 1, max: 4 }),
      noRepeat: fc.integer({ min: 0, max: 2 }),
      left: fc.constantFrom(new Set<number>(), new Set([0]), new Set([0, 1])),
    });
    fc.assert(
      fc.property(models, options, fc.integer({ min: 1, max: 5 }), (model, given, ranks) => {
        const plain = finish(beam(model, given), model).results();
        expect(finish(beam(model, given), model, ranks).results()).toEqual(plain);
      }),
      { numRuns: tries(60) },
    );
  });

  it('never writes what is left out, and always has a text that ends', () => {
    fc.assert(
      fc.property(models, lengths, (model, maxLength) => {
        const left = new Set([0]);
        const found = finish(
          beam(model, { left, maxLength, width: 3, wanted: 3 }),
          model,
        ).results();
        expect(found.length).toBeGreaterThan(0);
        for (const { path } of found) {
          const text = tokensOf(path);
          expect(text.at(-1)).toBe(model.end);
          expect(text.indexOf(model.end)).toBe(text.length - 1);
          expect(text).not.toContain(0);
          expect(text.length).toBeLessThanOrEqual(maxLength + 1);
        }
      }),
      { numRuns: tries(40) },
    );
  });

  it('tells texts that were cut from those that ended', () => {
    // 0 is always likelier than the end, until it was written twice.
    const next = (length: number): Float32Array =>
      Float32Array.from(length < 2 ? [0.9, 0.1] : [0.2, 0.8]);
    const search = (maxLength: number): boolean => {
      const tiny = new TinyModel(1, 2);
      tiny.next = (tokens) => next(tokens.length);
      return finish(beam(tiny, { maxLength }), tiny).results()[0]!.isCut;
    };
    expect([search(1), search(2), search(3)]).toEqual([true, false, false]);
  });
});

it('tells where was looked at most, and what was attended to where that is asked for', () => {
  const model = new TinyModel(11, 4);
  const looks = (keepsAttention: boolean) =>
    finish(beam(model, { width: 3, keepsAttention }), model)
      .results()
      .flatMap(({ path }) => stepsOf(path).map(({ look }) => look!));
  const [few, all] = [looks(false), looks(true)];
  expect(few).toEqual(all.map(({ position }) => ({ position })));
  for (const { position, attention } of all) {
    expect(position).toBe(attention!.indexOf(Math.max(...attention!)));
  }
});
