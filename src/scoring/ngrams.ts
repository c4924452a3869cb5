/** How often something occurs. */
export type Counts = ReadonlyMap<string, number>;

/** Counts the n-grams of words of one order; n-grams are told apart since no word has a space in it. */
export function countWordNgrams(words: readonly string[], order: number): Counts {
  const counts = new Map<string, number>();
  for (let at = 0; at + order <= words.length; at++) {
    countOne(counts, order === 1 ? words[at]! : words.slice(at, at + order).join(' '));
  }
  return counts;
}

/** Counts the n-grams of characters of one order. A character is a code point, be it one unit of UTF-16 or two. */
export function countCharacterNgrams(text: string, order: number): Counts {
  const counts = new Map<string, number>();
  const starts = startsOfCharacters(text);
  for (let at = 0; at + order < starts.length; at++) {
    countOne(counts, text.slice(starts[at], starts[at + order]));
  }
  return counts;
}

/** Where characters begin, and behind them where the text ends. */
function startsOfCharacters(text: string): number[] {
  const starts = [0];
  for (const character of text) starts.push(starts.at(-1)! + character.length);
  return starts;
}

function countOne(counts: Map<string, number>, ngram: string): void {
  counts.set(ngram, (counts.get(ngram) ?? 0) + 1);
}

export function sumOf(counts: Counts): number {
  let sum = 0;
  for (const count of counts.values()) sum += count;
  return sum;
}

/** How many n-grams two texts have in common, each as often as the text has it that has it less often. */
export function countCommon(counts: Counts, others: Counts): number {
  let common = 0;
  for (const [ngram, count] of counts) common += Math.min(count, others.get(ngram) ?? 0);
  return common;
}
