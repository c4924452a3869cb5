import { readSource } from './examples.js';
import { type BytesObserver, readText } from './source-text.js';
import type { Source } from './sources.js';
import type { SplitName } from './split.js';

/** A source as one stream of text, for language models. */

/**
 * Reads the whole text of a plain text file; of a CSV or JSONL, the text of each row followed by a
 * line feed. Pieces never cut a character in two.
 *
 * @param column That holds the text of a row.
 */
export async function* readStream(
  source: Source,
  column: string | number,
  observe?: BytesObserver,
): AsyncGenerator<string, void, undefined> {
  if (source.format === 'text') {
    yield* readText(source, {}, undefined, observe);
    return;
  }
  for await (const { rows } of readSource(source, { text: column }, undefined, observe)) {
    yield rows.map(({ text }) => `${text}\n`).join('');
  }
}

/** Number of characters (code points) of a stream. */
export async function measureStream(pieces: AsyncIterable<string>): Promise<number> {
  let length = 0;
  for await (const piece of pieces) length += advance(piece, 0, Infinity).characters;
  return length;
}

/**
 * Tells to which split each piece of a stream belongs, cutting pieces where a split begins.
 *
 * @param cuts The first character of the validation part and of the test part; may be infinite.
 */
export async function* cutPieces(
  pieces: AsyncIterable<string>,
  cuts: { readonly validation: number; readonly test: number },
): AsyncGenerator<{ split: SplitName; text: string }, void, undefined> {
  const parts: { split: SplitName; length: number }[] = [
    { split: 'test', length: Infinity },
    { split: 'validation', length: cuts.test === Infinity ? Infinity : cuts.test - cuts.validation },
    { split: 'train', length: cuts.validation },
  ];
  let { split, length: left } = parts.pop()!;
  for await (const piece of pieces) {
    for (let start = 0; start < piece.length; ) {
      while (left === 0) ({ split, length: left } = parts.pop()!);
      const { index, characters } = advance(piece, start, left);
      yield { split, text: piece.slice(start, index) };
      start = index;
      left -= characters;
    }
  }
}

/** Without a place to cut, a text is cut at this length: memory stays bounded. */
const longestUncut = 1 << 20;

/**
 * Moves the ends of pieces to where a tokenizer can take them one by one (see `Tokenizer.cut`).
 * A change of split ends a piece as well.
 */
export async function* alignPieces(
  pieces: AsyncIterable<{ split: SplitName; text: string }>,
  cut: (text: string) => number,
): AsyncGenerator<{ split: SplitName; text: string }, void, undefined> {
  let rest: { split: SplitName; text: string } | undefined;
  for await (const { split, text } of pieces) {
    if (rest !== undefined && rest.split !== split) {
      yield rest;
      rest = undefined;
    }
    const joined = (rest?.text ?? '') + text;
    const at = cut(joined);
    const index = at === 0 && joined.length > longestUncut ? joined.length : at;
    if (index > 0) yield { split, text: joined.slice(0, index) };
    rest = index < joined.length ? { split, text: joined.slice(index) } : undefined;
  }
  if (rest !== undefined) yield rest;
}

/** Walks over at most `limit` characters from `start`. */
function advance(
  text: string,
  start: number,
  limit: number,
): { index: number; characters: number } {
  if (!surrogate.test(text)) {
    const characters = Math.min(limit, text.length - start);
    return { index: start + characters, characters };
  }
  let index = start;
  let characters = 0;
  for (; index < text.length && characters < limit; characters++) {
    const pair = isHigh(text.charCodeAt(index)) && isLow(text.charCodeAt(index + 1));
    index += pair ? 2 : 1;
  }
  return { index, characters };
}

const surrogate = /[\ud800-\udfff]/;
const isHigh = (unit: number): boolean => unit >= 0xd800 && unit < 0xdc00;
const isLow = (unit: number): boolean => unit >= 0xdc00 && unit < 0xe000;
