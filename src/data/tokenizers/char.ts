import type { TokenizerConfig } from './options.js';
import type { SerializedChar } from './serialized.js';
import type { TokenCounts, Tokenizer } from './tokenizer.js';

type CharConfig = Extract<TokenizerConfig, { kind: 'char' }>;

const unknown = 1;
const firstCharacter = 2;
const replacement = '\uFFFD';
const lastBmp = 0xffff;
const firstSurrogate = 0xd800;
const lastSurrogate = 0xdfff;
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** One id for each character (code point): 0 padding, 1 unknown, then the vocabulary. */
export class CharTokenizer implements Tokenizer {
  readonly kind = 'char';
  readonly separator = '';
  readonly vocabularySize: number;
  readonly emptyToken = unknown;
  readonly #lowerCase: boolean;
  readonly #characters: string[];
  /** Ids of the basic plane by code unit; characters beyond it are rare enough for a map. */
  readonly #basic = new Uint32Array(lastBmp + 1).fill(unknown);
  readonly #beyond = new Map<number, number>();

  constructor({ lowerCase, characters }: Omit<SerializedChar, 'kind'>) {
    this.#lowerCase = lowerCase;
    this.#characters = characters;
    this.vocabularySize = firstCharacter + characters.length;
    characters.forEach((character, i) => {
      const point = character.codePointAt(0)!;
      if (point <= lastBmp) this.#basic[point] = firstCharacter + i;
      else this.#beyond.set(point, firstCharacter + i);
    });
    // Half of a surrogate pair is no character: it reads as the one that stands for such.
    this.#basic.fill(this.#basic[replacement.charCodeAt(0)]!, firstSurrogate, lastSurrogate + 1);
  }

  encode(text: string): number[] {
    const source = this.#lowerCase ? text.toLowerCase() : text;
    const ids = new Array<number>(source.length);
    let length = 0;
    for (let i = 0; i < source.length; i++) {
      const point = source.codePointAt(i)!;
      if (point <= lastBmp) {
        ids[length++] = this.#basic[point]!;
      } else {
        ids[length++] = this.#beyond.get(point) ?? unknown;
        i += 1;
      }
    }
    ids.length = length;
    return ids;
  }

  unknownIn(text: string): string[] {
    const source = this.#lowerCase ? text.toLowerCase() : text;
    return Array.from(source).filter((character) => this.encode(character)[0] === unknown);
  }

  /** The id of a character as UTF-8. */
  idOf(character: Uint8Array): number {
    const point = decoder.decode(character).codePointAt(0)!;
    return point <= lastBmp ? this.#basic[point]! : (this.#beyond.get(point) ?? unknown);
  }

  decode(ids: ArrayLike<number>): string {
    let text = '';
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i]!;
      if (id !== 0) text += this.#characters[id - firstCharacter] ?? replacement;
    }
    return text;
  }

  cut(text: string): number {
    return text.length;
  }

  toJSON(): SerializedChar {
    return { kind: 'char', lowerCase: this.#lowerCase, characters: this.#characters };
  }
}

/** Keeps the most frequent characters; equal counts in the order of code points. */
export function trainCharTokenizer(config: CharConfig, counts: TokenCounts): CharTokenizer {
  const characters = Array.from(counts)
    .filter(([, count]) => count >= config.minCount)
    .sort(([a, aCount], [b, bCount]) => bCount - aCount || a.codePointAt(0)! - b.codePointAt(0)!)
    .slice(0, config.vocabularySize - firstCharacter)
    .map(([character]) => character);
  return new CharTokenizer({ lowerCase: config.lowerCase, characters });
}
