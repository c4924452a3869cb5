import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../../src/config/schema.js';
import { RowEncoder } from '../../../src/data/batches/encode-row.js';
import type { Tokenizer } from '../../../src/data/tokenizers/tokenizer.js';
import { fitTokenizer } from './fit.js';

/** Made by scripts/keras_fixture.py. */
interface Fixture {
  fit: string[];
  new: string[];
  cases: Case[];
}

interface Case {
  options: {
    filters: string;
    lower: boolean;
    split: string;
    num_words: number | null;
    oov_token: string | null;
  };
  word_index: [string, number][];
  /** Ids of the texts of `fit`, then of `new`. */
  sequences: number[][];
  padded?: { maxlen: number; padding: string; truncating: 'pre' | 'post'; rows: number[][] }[];
}

const file = new URL('../../fixtures/keras/word.json', import.meta.url);
const fixture = JSON.parse(await readFile(file, 'utf8')) as Fixture;
const texts = [...fixture.fit, ...fixture.new];

function fit({ filters, lower, split, num_words, oov_token }: Case['options']): Tokenizer {
  const { data } = configSchema.parse({
    task: 'classify',
    data: {
      train: 'x.csv',
      tokenizer: {
        ...{ kind: 'word', filters, lowerCase: lower, split, outOfVocabulary: oov_token },
        ...{ vocabularySize: num_words ?? 10_000, minCount: 1 },
      },
    },
  });
  return fitTokenizer(data.tokenizer, fixture.fit);
}

const describeCase = ({ options }: Case): string => JSON.stringify(options);

describe('the word tokenizer gives what Keras gives', () => {
  it.each(fixture.cases.map((each) => [describeCase(each), each] as const))('%s', (_, each) => {
    const tokenizer = fit(each.options);
    expect(texts.map((text) => tokenizer.encode(text))).toEqual(each.sequences);
    const known = each.word_index.filter(([, id]) => id < tokenizer.vocabularySize);
    expect(known.map(([, id]) => tokenizer.decode([id]))).toEqual(known.map(([word]) => word));
  });

  it('and truncates as pad_sequences does', () => {
    const padded = fixture.cases.flatMap((each) =>
      (each.padded ?? []).map((padding) => ({ ...padding, options: each.options })),
    );
    expect(padded.length).toBeGreaterThan(0);
    for (const { options, maxlen, truncating, rows } of padded) {
      const tokenizer = fit(options);
      const encoder = new RowEncoder(tokenizer);
      texts.forEach((text, i) => {
        // Padding is not stored; a row without any word keeps one place.
        const ids = rows[i]!.filter((id) => id > 0);
        const expected = ids.length > 0 ? ids : [tokenizer.emptyToken];
        const limits = { maxLength: maxlen, truncate: truncating };
        expect(encoder.encodeRow(text, limits).tokens).toEqual(expected);
      });
    }
  });
});
