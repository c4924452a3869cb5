import type { Tokenizer } from './tokenizer.js';

/** Tokens before a new one that decide how it reads: a space between words, the bytes of a character. */
const CONTEXT = 8;
/** What stands for bytes that are no whole character, yet. */
const INCOMPLETE = '\uFFFD';
/** Bytes of the longest character: more that make no sense will not make sense later. */
const LONGEST = 4;

/**
 * Turns tokens that come one by one into text.
 *
 * @returns a function of the next token that gives the text it adds; empty while a character is incomplete
 */
export function streamText(tokenizer: Tokenizer): (token: number) => string {
  let context: number[] = [];
  let pending: number[] = [];
  return (token) => {
    pending.push(token);
    const before = tokenizer.decode(context);
    const text = tokenizer.decode([...context, ...pending]).slice(before.length);
    if (text.endsWith(INCOMPLETE) && pending.length < LONGEST) return '';
    context = [...context, ...pending].slice(-CONTEXT);
    pending = [];
    return text;
  };
}
