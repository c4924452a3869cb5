import { describe, expect, it } from 'vitest';
import { tokensOf } from '../../src/decoding/path.js';
import { Sampling, type SamplingOptions } from '../../src/decoding/sampling.js';
import { beam, finish, TinyModel } from './tiny-model.js';

const model = new TinyModel(7, 3, 2);

function sample(options: Partial<SamplingOptions>): number[][] {
  const search = new Sampling({
    ...{ end: model.end, maxLength: 4, left: new Set<number>(), noRepeat: 0 },
    ...{ lengthNormalisation: 0, coveragePenalty: 0, keepsAttention: false, wanted: 1 },
    ...{ temperature: 1, topK: 0, seed: 1, stream: 0 },
    ...options,
  });
  return finish(search, model)
    .results()
    .map(({ path }) => tokensOf(path));
}

describe('sampling', () => {
  it('draws every text as often as it is likely', () => {
    const drawn = 2000;
    const counts = new Map<string, number>();
    for (const text of sample({ wanted: drawn })) {
      const name = text.join(' ');
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    // A text that had to end is as likely as all that begin with it.
    const cut = (text: readonly number[]): number[] =>
      text.length > 4 ? text.slice(0, 4) : [...text];
    for (const text of model.texts(4)) {
      const expected = drawn * Math.exp(model.logProbability(cut(text)));
      const found = counts.get(text.join(' ')) ?? 0;
      expect(Math.abs(found - expected)).toBeLessThan(5 * Math.sqrt(expected) + 1);
    }
  });

  it('draws the same for the same seed and sentence, and other texts for others', () => {
    const texts = sample({ wanted: 20 });
    expect(sample({ wanted: 20 })).toEqual(texts);
    expect(sample({ wanted: 20, seed: 2 })).not.toEqual(texts);
    expect(sample({ wanted: 20, stream: 1 })).not.toEqual(texts);
  });

  it('draws of few texts what it draws of more', () => {
    const more = sample({ wanted: 20 });
    for (const text of sample({ wanted: 6 })) expect(more).toContainEqual(text);
  });

  it('takes the likeliest token where nothing else is left to chance', () => {
    const [found] = finish(beam(model, {}), model).results();
    const greedy = tokensOf(found!.path);
    expect(sample({ temperature: 0 })).toEqual([greedy]);
    expect(sample({ topK: 1, seed: 5 })).toEqual([greedy]);
  });
});
