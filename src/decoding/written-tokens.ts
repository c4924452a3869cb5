import type { Tokenizer } from '../data/tokenizers/tokenizer.js';
import { listWords } from '../data/tokenizers/word-forms.js';
import { WordSplitter, zeroDigits } from '../data/tokenizers/word-splitter.js';

/** Of tokenizers that have a token for what they do not know. */
export function isUnknown({ kind, emptyToken }: Tokenizer, id: number): boolean {
  return (kind === 'word' || kind === 'char') && id === emptyToken && id !== 0;
}

/** What single tokens are written as, each found out once: there are as many in any text as it is long. */
export class TokenTexts {
  readonly #texts: string[] = [];

  constructor(private readonly tokenizer: Tokenizer) {}

  of(id: number): string {
    return (this.#texts[id] ??= this.tokenizer.decode([id]));
  }
}

/** Tokens of texts, those that the vocabulary has not as they are written: with their capital letters and digits. */
export class WrittenTokens {
  /** A token for each id. */
  readonly #list: (text: string) => string[];
  readonly #texts: TokenTexts;

  constructor(private readonly tokenizer: Tokenizer) {
    this.#texts = new TokenTexts(tokenizer);
    const json = tokenizer.toJSON();
    if (json.kind === 'word') this.#list = listsWords(json);
    else if (json.kind === 'char')
      this.#list = json.lowerCase ? listLowered : (text) => Array.from(text);
    else this.#list = () => [];
  }

  /** @param ids of the text's tokens */
  of(text: string, ids: readonly number[]): string[] {
    const isAny = ids.some((id) => isUnknown(this.tokenizer, id));
    const written = isAny ? this.#list(text) : [];
    return ids.map((id, i) => (isUnknown(this.tokenizer, id) ? written[i]! : this.#texts.of(id)));
  }
}

function listsWords(options: ConstructorParameters<typeof WordSplitter>[0]) {
  const splitter = new WordSplitter(options);
  const asWritten = new WordSplitter({ ...options, lowerCase: false, zeroDigits: false });
  const read = (word: string): string => {
    const lower = options.lowerCase ? word.toLowerCase() : word;
    return options.zeroDigits === true ? zeroDigits(lower) : lower;
  };
  return (text: string): string[] => {
    const words = listWords(splitter, text);
    const written = listWords(asWritten, text);
    // Where a letter that has a case, or a digit, parts words the others may be cut elsewhere.
    if (written.length !== words.length) return words;
    return words.map((word, i) => (read(written[i]!) === word ? written[i]! : word));
  };
}

/** A capital letter that becomes several small ones is written as those. */
function listLowered(text: string): string[] {
  return Array.from(text).flatMap((character) => {
    const lower = character.toLowerCase();
    return lower.length === character.length ? [character] : Array.from(lower);
  });
}
