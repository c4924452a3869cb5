import type { TokenizerConfig } from '../../../src/data/tokenizers/options.js';
import { BpeCounter } from '../../../src/data/tokenizers/bpe-training.js';
import { trainTokenizer } from '../../../src/data/tokenizers/kinds.js';
import type { Tokenizer } from '../../../src/data/tokenizers/tokenizer.js';
import { splitOptions } from '../../../src/data/tokenizers/word.js';

/** A tokenizer whose vocabulary comes from a few texts, counted in the plainest way. */
export function fitTokenizer(config: TokenizerConfig, texts: Iterable<string>): Tokenizer {
  if (config.kind === 'bpe' && config.file === undefined) {
    const counter = new BpeCounter(config);
    for (const text of texts) counter.add(text);
    return trainTokenizer(config, counter.counts);
  }
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const token of cutTokens(config, text)) counts.set(token, (counts.get(token) ?? 0) + 1);
  }
  return trainTokenizer(config, counts);
}

/** The tokens of a text, without knowing any vocabulary. */
export function cutTokens(config: TokenizerConfig, text: string): string[] {
  switch (config.kind) {
    case 'word': {
      const { filters, lowerCase, split, lineEnd } = splitOptions(config);
      const separators = new Set(filters);
      const cased = lowerCase ? text.toLowerCase() : text;
      const lines = lineEnd === undefined ? [cased] : cased.split(/\r?\n/);
      return lines.flatMap((line, i) => {
        const spaced = Array.from(line, (each) => (separators.has(each) ? split : each)).join('');
        const words = spaced.split(split).filter((word) => word !== '');
        return i === 0 ? words : [lineEnd!, ...words];
      });
    }
    case 'char':
      return Array.from(
        (config.lowerCase ? text.toLowerCase() : text).replace(/\p{Surrogate}/gu, '\uFFFD'),
      );
    case 'byte':
    case 'bpe':
      return [];
  }
}
