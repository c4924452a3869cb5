import { distance } from 'fastest-levenshtein';

/**
 * The candidate that a misspelt word most likely means, or undefined when none is close. Case,
 * dashes and underscores count for nothing, so that `batch_size` finds `batchSize`.
 */
export function findNearest(word: string, candidates: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replaceAll(/[-_]/g, '');
  const sought = plain(word);
  const allowed = Math.ceil(sought.length * 0.4);
  let nearest: string | undefined;
  let smallest = allowed + 1;
  for (const candidate of candidates) {
    const edits = distance(sought, plain(candidate));
    if (edits < smallest) {
      nearest = candidate;
      smallest = edits;
    }
  }
  return nearest;
}
