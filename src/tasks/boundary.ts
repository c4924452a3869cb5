/**
 * The token that begins what is read of a target and ends what is learned of it: the id behind all of the tokenizer's, so that the
 * network's vocabulary has one more.
 */
export function boundaryOf({ vocabularySize }: { readonly vocabularySize: number }): number {
  return vocabularySize;
}
