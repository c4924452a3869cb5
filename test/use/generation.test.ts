import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.js';
import { describeUnknown } from '../../src/commands/generate.js';
import type { DrawOptions } from '../../src/decoding/draw-options.js';
import { draw } from '../../src/decoding/draw.js';
import { undrawn } from '../../src/decoding/undrawn.js';
import { PURPOSE, uniform } from '../../src/tensor/random.js';
import { fitTokenizer } from '../data/tokenizers/fit.js';

function fit(options: object) {
  const unknown = 'unknownToken' in options ? options.unknownToken : '';
  const { data } = configSchema.parse({
    task: 'language-model',
    data: { train: 'x.txt', tokenizer: options },
  });
  const config = data.tokenizer;
  return {
    config,
    tokenizer: fitTokenizer(config, [`the cat ${String(unknown)} sat on the mat the cat sat`]),
  };
}

/** A draw as it is meant: all ids in their order, and then along them. */
function drawInOrder(
  probabilities: Float32Array,
  left: ReadonlySet<number>,
  { temperature, topK, seed }: DrawOptions,
  index: number,
): number {
  const ids = Array.from(probabilities.keys()).filter((id) => !left.has(id));
  ids.sort((a, b) => probabilities[b]! - probabilities[a]! || a - b);
  if (!Number.isFinite(1 / temperature)) return ids[0]!;
  const kept = topK > 0 ? ids.slice(0, topK) : ids;
  const weights = kept.map((id) => (probabilities[id]! / probabilities[kept[0]!]!) ** (1 / temperature)); // prettier-ignore
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let rest = uniform(seed, PURPOSE.sampling, 0, index) * total;
  return kept.find((_, place) => (rest -= weights[place]!) < 0) ?? kept.at(-1)!;
}

const word = { kind: 'word', minCount: 1, filters: '' };

describe('a prompt', () => {
  it.each([
    [{ kind: 'char' }, 'the cat', undefined],
    [
      { kind: 'char' },
      'a zébé',
      'The prompt has 4 characters that the model does not know ("z", "é", "b"): they are read as unknown.',
    ],
    [word, 'The cat', undefined],
    [
      word,
      'the zebra',
      'The prompt has 1 word that the model does not know ("zebra"): it is read as unknown.',
    ],
    [
      { ...word, outOfVocabulary: null },
      'the zebra the emu the zebra',
      'The prompt has 3 words that the model does not know ("zebra", "emu"): they are left out.',
    ],
    [{ ...word, unknownToken: '<unk>' }, 'the <unk>', undefined],
    [{ kind: 'byte' }, 'é', undefined],
    // As the usual prompt is, which nobody has written.
    [{ kind: 'char' }, '\n', undefined],
  ])('of %j, %j, is told what the model does not know of it', (options, prompt, told) => {
    const { tokenizer } = fit(options);
    expect(describeUnknown({ tokenizer, features: [] }, prompt)).toBe(told);
  });

  it('is told what features tell of an unknown word nevertheless', () => {
    const { tokenizer } = fit(word);
    const features = [{ kind: 'suffix' }, { kind: 'letters' }, { kind: 'suffix' }] as const;
    expect(describeUnknown({ tokenizer, features }, 'the zebra')).toBe(
      'The prompt has 1 word that the model does not know ("zebra"): it is read as unknown, but for its last letters and letters.',
    );
  });
});

describe('what is drawn', () => {
  it.each([
    ['neither padding nor the unknown word', word, [0, 1]],
    ['neither padding nor the unknown character', { kind: 'char' }, [0, 1]],
    ['the unknown word where the corpus has it', { ...word, unknownToken: '<unk>' }, [0]],
    ['all but padding where nothing is unknown', { kind: 'byte' }, [0]],
  ])('is %s', (_, options, never) => {
    const { config, tokenizer } = fit(options);
    expect([...undrawn(config, tokenizer)].sort()).toEqual([...new Set(never)]);
  });

  it('is the first of those not left out where all have no probability', () => {
    const options = { prompt: '', length: 1, temperature: 1, topK: 0, seed: 1 };
    expect(draw(Float32Array.of(0, 1, 0, 0), new Set([0, 1]), options, 0)).toBe(2);
  });

  it('is what comes up where all are put in order, whether few or many or all may be drawn', () => {
    const size = 1000;
    fc.assert(
      fc.property(
        // Few different values, so that many are as likely as each other.
        fc.array(fc.constantFrom(0, 0.01, 0.02, 0.25, 0.3), { minLength: size, maxLength: size, size: 'max' }), // prettier-ignore
        fc.uniqueArray(fc.nat(size - 1), { maxLength: 5 }),
        fc.record({
          temperature: fc.constantFrom(1e-320, 0.3, 1, 2),
          topK: fc.constantFrom(0, 1, 7, 256, 257, size),
          seed: fc.nat(),
        }),
        (values, left, options) => {
          const probabilities = Float32Array.from(values);
          for (let index = 0; index < 5; index++) {
            const drawn = draw(probabilities, new Set(left), options, index);
            expect(drawn).toBe(drawInOrder(probabilities, new Set(left), options, index));
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('is no id that is left out, however likely that is', () => {
    const size = 6;
    fc.assert(
      fc.property(
        fc.array(fc.float({ min: 0, max: 1, noNaN: true }), { minLength: size, maxLength: size }),
        fc.uniqueArray(fc.nat(size - 1), { maxLength: size - 1 }),
        fc.record({
          temperature: fc.constantFrom(0, 0.5, 1, 2),
          topK: fc.nat(size),
          seed: fc.nat(),
        }),
        (probabilities, left, options) => {
          probabilities[left[0] ?? 0] = 1;
          const drawn = draw(Float32Array.from(probabilities), new Set(left), options, 0);
          expect(left).not.toContain(drawn);
          expect(drawn).toBeLessThan(size);
        },
      ),
    );
  });
});
