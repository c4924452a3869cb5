/**
 * Rows that are tokens with a tag each. On their way they are texts with a token a line, and labels with a tag a line: so
 * whatever reads, cuts and counts texts does the same for them.
 */

/** Stands between tokens, and between tags. */
export const tokenEnd = '\n';

export function joinTokens(tokens: readonly string[]): string {
  return tokens.join(tokenEnd);
}

/** No token is empty: an empty text has none. */
export function splitTokens(text: string): string[] {
  return text === '' ? [] : text.split(tokenEnd);
}

/** How a tokenizer of words cuts texts that are tokens already. */
export const givenTokens = { filters: '', split: tokenEnd } as const;
