import type { Tokenizer } from './tokenizer.js';

/** Tokens that decide how the next one reads: a space between words, the bytes of a character. */
const CONTEXT = 8;
/** What stands for bytes that are no whole character, yet. */
const INCOMPLETE = '\uFFFD';

/**
 * Turns tokens that come one by one into text. A character is given when all of its bytes are there.
 *
 * @param prompt what stands before the first token; between them comes what separates two tokens
 * @returns a function of the next token that gives the text it adds; empty while a character is incomplete
 */
export function streamText(tokenizer: Tokenizer, prompt = ''): (token: number) => string {
  const read = (tokens: readonly number[]): string => {
    const text = tokenizer.decode(tokens);
    return text.endsWith(INCOMPLETE) ? text.slice(0, -1) : text;
  };
  // White space parts words where that is what stands between them; where it is another character, only line ends do.
  const isBlank = tokenizer.separator.trim() === '';
  const isParted = isBlank
    ? /\s$/.test(prompt)
    : prompt.endsWith(tokenizer.separator) || prompt.endsWith('\n');
  let separator = prompt === '' || isParted ? '' : tokenizer.separator;
  let context: number[] = [];
  return (token) => {
    const before = read(context);
    context.push(token);
    const after = read(context);
    context = context.slice(-CONTEXT);
    const added = after.slice(before.length);
    if (added === '' || separator === '') return added;
    const isApart = isBlank ? /^\s/.test(added) : added === '\n';
    const text = isApart ? added : `${separator}${added}`;
    separator = '';
    return text;
  };
}
