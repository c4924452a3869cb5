import { expect, it } from 'vitest';
import { scoreTranslations } from '../../src/decoding/translation-scores.js';
import type { Tokenizer } from '../../src/data/tokenizers/tokenizer.js';

/** A model that gives every text back as it is, whose tokenizer lower-cases or not. */
function echo(lowerCase: boolean): Parameters<typeof scoreTranslations>[0] {
  return {
    tokenizer: { toJSON: () => ({ kind: 'word', lowerCase }) } as unknown as Tokenizer,
    translate: (texts) =>
      Promise.resolve(
        texts.map((text) => ({
          translations: [{ text, logProbability: -1, score: -1, tokens: [], isCut: false }],
          sourceTokens: [],
          unread: 0,
        })),
      ),
  };
}

const pairs = [
  // As the word tokenizer writes it that takes an unknown name from the source.
  { source: 'the good doctor QwktZ saw it', target: 'The good doctor QwktZ saw it' },
  { source: 'five QwktZ two and one more', target: 'five QwktZ two and one more' },
  { source: 'five wrong two and one more', target: 'five QwktZ two and one more' },
];

it('counts a translation with the capitals of an unknown word as exact, though its model lower-cases', async () => {
  const { exact, bleuSignature } = await scoreTranslations(echo(true), [pairs]);
  expect(exact).toBe(2 / 3);
  expect(bleuSignature).toContain('case:lc');
});

it('counts in lower case where that is asked for, as sacreBLEU does with lowercase, and in both cases where it is not', async () => {
  const cased = await scoreTranslations(echo(false), [pairs], {}, { lowercase: true });
  expect([cased.exact, cased.bleuSignature, cased.chrfSignature]).toEqual([
    2 / 3,
    'nrefs:1|case:lc|eff:no|tok:13a|smooth:exp|version:2.6.0',
    'nrefs:1|case:lc|eff:yes|nc:6|nw:0|space:no|version:2.6.0',
  ]);
  const lowered = await scoreTranslations(echo(true), [pairs], {}, { lowercase: false });
  expect(lowered.exact).toBe(1 / 3);
  expect(lowered.bleuSignature).toContain('case:mixed');
});

it('compares letter by letter where the model tells cases apart', async () => {
  const { exact, bleuSignature } = await scoreTranslations(echo(false), [pairs]);
  expect(exact).toBe(1 / 3);
  expect(bleuSignature).toContain('case:mixed');
});
