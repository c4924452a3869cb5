import { percentile } from './columns.js';

/** What texts are like, as far as a config depends on it. */
export interface TextFacts {
  /** What is counted: words, or characters where words are not parted by blanks. */
  readonly unit: 'word' | 'char';
  /** In that unit: of the longest in a hundred rows, in twenty, on the average; all together. */
  readonly p99: number;
  readonly p95: number;
  readonly mean: number;
  readonly total: number;
  /** Whether punctuation is parted from words by blanks, as in many corpora. */
  readonly isCut: boolean;
  readonly differentCharacters: number;
}

/** Characters that are looked at closely. */
const MOST = 400_000;

/** Scripts that write words without blanks in between. */
const joined =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]/gu;

export function measureTexts(texts: readonly string[]): TextFacts {
  const filled = texts.filter((text) => text.trim() !== '');
  let looked = '';
  for (const text of filled) {
    if (looked.length > MOST) break;
    looked += `${text}\n`;
  }
  const letters = looked.match(/\p{L}/gu)?.length ?? 0;
  const unit = (looked.match(joined)?.length ?? 0) > 0.3 * letters && letters > 0 ? 'char' : 'word';
  const lengths = filled.map((text) => countUnits(text, unit)).sort((a, b) => a - b);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const marks = looked.match(/[.,?!;:]/g)?.length ?? 0;
  const alone = looked.match(/(?<=\s)[.,?!;:](?=\s)/g)?.length ?? 0;
  return {
    ...{ unit, total, mean: total / Math.max(1, lengths.length) },
    p95: percentile(lengths, 0.95),
    p99: percentile(lengths, 0.99),
    isCut: marks > 20 && alone > 0.7 * marks,
    differentCharacters: new Set(looked).size,
  };
}

function countUnits(text: string, unit: TextFacts['unit']): number {
  return unit === 'char' ? Array.from(text).length : text.trim().split(/\s+/).length;
}

/** A length as one would write it: the next multiple of 4, of 10 from 40, of 50 from 200. */
export function roundUp(length: number): number {
  const step = length < 40 ? 4 : length < 200 ? 10 : 50;
  return Math.max(8, Math.ceil(length / step) * step);
}
