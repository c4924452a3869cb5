import { describeValue } from '../config/expectation.js';
import { tokenEnd } from '../data/formats/tagged/tokens.js';
import { UserError } from '../errors.js';
import { counted } from '../system/counted.js';

/** What taggers are given: callers in JavaScript have no compiler to tell them what they got wrong. */

/**
 * @param columns that are to stand beside the tokens
 * @throws UserError for what is no list of lists of tokens, or of such with columns
 */
export function copySentences(
  sentences: readonly unknown[],
  columns: readonly (string | number)[],
  caller = 'tag',
): { tokens: string[]; columns: string[][] }[] {
  if (!Array.isArray(sentences)) {
    throw new UserError(`${caller}: expected a list of sentences, got ${describeValue(sentences)}`);
  }
  return Array.from(sentences, (sentence: unknown, index) => {
    const place = `${caller}: expected sentence ${index} to be`;
    if (columns.length === 0) {
      return { tokens: copyTokens(sentence, `${place} a list of tokens`), columns: [] };
    }
    const lists = columns.map((column) => `[texts of column ${JSON.stringify(column)}]`).join(', ');
    const expected = `{ tokens: [texts], columns: [${lists}] }`;
    if (typeof sentence !== 'object' || sentence === null || Array.isArray(sentence)) {
      throw new UserError(`${place} ${expected}, got ${describeValue(sentence)}`);
    }
    const { tokens, columns: given } = sentence as Record<string, unknown>;
    if (!Array.isArray(given) || given.length !== columns.length) {
      throw new UserError(`${place} ${expected}, got ${describeValue(given)} as columns`);
    }
    const own = copyTokens(tokens, `${place} ${expected}`);
    const beside = given.map((texts: unknown) => copyTokens(texts, `${place} ${expected}`));
    const odd = beside.find((texts) => texts.length !== own.length);
    if (odd !== undefined) {
      throw new UserError(
        `${place} ${expected}, one for each token, got ${counted(odd.length, 'text')} for ${counted(own.length, 'token')}`,
      );
    }
    return { tokens: own, columns: beside };
  });
}

function copyTokens(tokens: unknown, place: string): string[] {
  if (!Array.isArray(tokens)) throw new UserError(`${place}, got ${describeValue(tokens)}`);
  return Array.from(tokens, (token: unknown) => {
    if (typeof token === 'string' && token.trim() !== '' && !token.includes(tokenEnd)) {
      return token;
    }
    throw new UserError(
      `${place}, each a text of one line that is not empty, got ${describeValue(token)}`,
    );
  });
}

/** @throws UserError for what is no list of texts: callers in JavaScript have no compiler to tell them */
export function copyTexts(caller: string, texts: readonly unknown[]): string[] {
  if (!Array.isArray(texts)) {
    throw new UserError(`${caller}: expected a list of texts, got ${describeValue(texts)}`);
  }
  return Array.from(texts, (text: unknown, index) => {
    if (typeof text === 'string') return text;
    throw new UserError(
      `${caller}: expected text ${index} to be a string, got ${describeValue(text)}`,
    );
  });
}
