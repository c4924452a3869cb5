import { removeSpaces, splitWords, trim, trimEnd } from './words.js';

/** How sacreBLEU divides a text into the tokens whose n-grams BLEU counts, by its names for them. */
const tokenizers = {
  /** The text is divided into tokens already. */
  none: splitWords,
  '13a': cutAsMteval13a,
  intl: cutInternational,
  char: (text: string): string[] => Array.from(removeSpaces(text)),
  zh: cutChinese,
} as const;

export type BleuTokenizer = keyof typeof tokenizers;
export const BLEU_TOKENIZERS = Object.keys(tokenizers) as [BleuTokenizer, ...BleuTokenizer[]];

export function cutForBleu(tokenizer: BleuTokenizer, text: string): string[] {
  return tokenizers[tokenizer](trimEnd(text));
}

/** The rules of NIST's mteval-v13a for languages of the West: marks and symbols of ASCII by themselves, but no point within a number. */
function cutWestern(text: string): string[] {
  return splitWords(
    text
      .replaceAll(/[{-~[-` -&(-+:-@/]/gu, ' $& ')
      .replaceAll(/([^0-9])([.,])/gu, '$1 $2 ')
      .replaceAll(/([.,])([^0-9])/gu, ' $1 $2')
      .replaceAll(/([0-9])(-)/gu, '$1 $2 '),
  );
}

/** As mteval-v13a: words that a line's end divides are joined, and what SGML writes otherwise is taken for what it means. */
function cutAsMteval13a(text: string): string[] {
  const line = text
    .replaceAll('<skipped>', '')
    .replaceAll('-\n', '')
    .replaceAll('\n', ' ')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>');
  return cutWestern(` ${line} `);
}

/** As mteval-v14 with --international-tokenization: marks of all scripts by themselves where they stand in no number, and all symbols. */
function cutInternational(text: string): string[] {
  return splitWords(
    text
      .replaceAll(/(\P{N})(\p{P})/gu, '$1 $2 ')
      .replaceAll(/(\p{P})(\P{N})/gu, ' $1 $2')
      .replaceAll(/\p{S}/gu, ' $& '),
  );
}

/**
 * Chinese characters, which are tokens by themselves: first and last. Those beyond the sixteenth bit are none of them to sacreBLEU. Where it means
 * them it writes five digits behind \u, of which Python takes four, so that it has the ranges that begin at 2001 and 2f81 instead.
 */
const chinese: readonly (readonly [number, number])[] = [
  [0x3400, 0x4db5],
  [0x4e00, 0x9fa5],
  [0x9fa6, 0x9fbb],
  [0xf900, 0xfa2d],
  [0xfa30, 0xfa6a],
  [0xfa70, 0xfad9],
  [0x2001, 0x2a6d],
  [0x2f81, 0x2fa1],
  [0xff00, 0xffef],
  [0x2e80, 0x2eff],
  [0x3000, 0x303f],
  [0x31c0, 0x31ef],
  [0x2f00, 0x2fdf],
  [0x2ff0, 0x2fff],
  [0x3100, 0x312f],
  [0x31a0, 0x31bf],
  [0xfe10, 0xfe1f],
  [0xfe30, 0xfe4f],
  [0x2600, 0x26ff],
  [0x2700, 0x27bf],
  [0x3200, 0x32ff],
  [0x3300, 0x33ff],
];

function cutChinese(text: string): string[] {
  let divided = '';
  for (const character of trim(text)) {
    const code = character.codePointAt(0)!;
    const isChinese = chinese.some(([first, last]) => first <= code && code <= last);
    divided += isChinese ? ` ${character} ` : character;
  }
  return cutWestern(divided);
}
