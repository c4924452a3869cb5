import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Bleu, type BleuOptions, type Smoothing } from '../../src/scoring/bleu.js';
import { Chrf, type ChrfOptions } from '../../src/scoring/chrf.js';
import { cutForBleu, type BleuTokenizer } from '../../src/scoring/tokenizers.js';

/** What the real sacreBLEU counts (scripts/sacrebleu_fixture.py). */
interface Fixture {
  corpora: Record<string, { hypothesis: string; references: string[] }[]>;
  bleu: {
    corpus: string;
    options: {
      tokenize?: BleuTokenizer;
      lowercase?: boolean;
      smooth_method?: Smoothing;
      smooth_value?: number;
      effective_order?: boolean;
      max_ngram_order?: number;
    };
    score: number;
    signature: string;
    precisions: number[];
    brevityPenalty: number;
    hypothesisLength: number;
    referenceLength: number;
  }[];
  chrf: {
    corpus: string;
    options: {
      char_order?: number;
      word_order?: number;
      beta?: number;
      lowercase?: boolean;
      whitespace?: boolean;
      eps_smoothing?: boolean;
    };
    score: number;
    signature: string;
    name: string;
  }[];
  tokens: Record<BleuTokenizer, string[][]>;
}
const fixture = JSON.parse(
  readFileSync(new URL('../fixtures/sacrebleu.json', import.meta.url), 'utf8'),
) as Fixture;

/** Options that are not there are left out, as callers leave them out. */
function renamed<T>(names: Record<string, keyof T>, given: Record<string, unknown>): T {
  const entries = Object.entries(given).map(([name, value]) => [names[name], value]);
  return Object.fromEntries(entries) as T;
}

const bleuNames: Record<string, keyof BleuOptions> = {
  tokenize: 'tokenizer',
  lowercase: 'lowercase',
  smooth_method: 'smoothing',
  smooth_value: 'smoothingValue',
  effective_order: 'effectiveOrder',
  max_ngram_order: 'maxOrder',
};
const chrfNames: Record<string, keyof ChrfOptions> = {
  char_order: 'characterOrder',
  word_order: 'wordOrder',
  beta: 'beta',
  lowercase: 'lowercase',
  whitespace: 'whitespace',
  eps_smoothing: 'everyOrder',
};

function scoreAll<R>(
  scorer: { add(hypothesis: string, references: string[]): void; result(): R },
  corpus: string,
): R {
  for (const { hypothesis, references } of fixture.corpora[corpus]!) {
    scorer.add(hypothesis, references);
  }
  return scorer.result();
}

const close = (value: number): unknown => expect.closeTo(value, 9);

describe('agrees with sacreBLEU', () => {
  it.each(Object.entries(fixture.tokens))('in the tokens of %s', (name, expected) => {
    const texts = fixture.corpora['odd']!.flatMap((each) => [each.hypothesis, ...each.references]);
    expect(texts.map((text) => cutForBleu(name as BleuTokenizer, text))).toEqual(expected);
  });

  it.each(fixture.bleu)(
    'in BLEU of "$corpus" with $options',
    ({ corpus, options, ...expected }) => {
      const scorer = new Bleu(renamed<BleuOptions>(bleuNames, options));
      expect(scoreAll(scorer, corpus)).toEqual({
        ...expected,
        score: close(expected.score),
        precisions: expected.precisions.map(close),
        brevityPenalty: close(expected.brevityPenalty),
      });
    },
  );

  it.each(fixture.chrf)(
    'in chrF of "$corpus" with $options',
    ({ corpus, options, ...expected }) => {
      const scorer = new Chrf(renamed<ChrfOptions>(chrfNames, options));
      expect(scoreAll(scorer, corpus)).toEqual({ ...expected, score: close(expected.score) });
    },
  );
});

/** By Python's `'%.2f' % value`. */
it.each([
  [0.125, '0.12'],
  [0.375, '0.38'],
  [2.625, '2.62'],
  [0.13, '0.13'],
  [1.005, '1.00'],
])('signs a smoothing of %d as sacreBLEU does', (smoothingValue, written) => {
  const { signature } = new Bleu({ smoothing: 'floor', smoothingValue }).result();
  expect(signature).toContain(`|smooth:floor[${written}]|`);
});

describe.each([Bleu, Chrf])('%o', (Scorer) => {
  it('refuses a sentence that has nothing to be compared with', () => {
    const scorer = new Scorer();
    scorer.add('a text', ['a text', '']);
    expect(() => scorer.add('a text', [])).toThrow('sentence 2: expected a reference, got none');
  });

  it('is 0 before there is a sentence', () => {
    expect(new Scorer().result().score).toBe(0);
  });
});
