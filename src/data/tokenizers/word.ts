import type { TokenizerConfig } from './options.js';
import type { SerializedWord } from './serialized.js';
import { TextBytes } from './text-bytes.js';
import type { TokenCounts, Tokenizer } from './tokenizer.js';
import { decodeUtf8, encodeUtf8 } from '../../system/utf8.js';
import { type SplitOptions, WordSplitter } from './word-splitter.js';
import { listWords } from './word-forms.js';
import { WordTable } from './word-table.js';

export type WordConfig = Extract<TokenizerConfig, { kind: 'word' }>;

/** Keras's default: punctuation, tab and line feed; the apostrophe stays. */
const kerasFilters = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n';

/** Keras's `Tokenizer`: words by descending frequency from id 1, the unknown word before them. */
export class WordTokenizer implements Tokenizer {
  readonly kind = 'word';
  readonly vocabularySize: number;
  readonly emptyToken: number;
  readonly separator: string;
  readonly #json: SerializedWord;
  readonly #splitter: WordSplitter;
  readonly #known = new WordTable();
  /** Id of each known word by its number in the table. */
  readonly #ids: Uint32Array;
  /** Id of unknown words; 0 drops them. */
  readonly #unknown: number = 0;

  constructor(json: Omit<SerializedWord, 'kind'>) {
    this.#json = inOrder(json);
    this.#splitter = new WordSplitter(json);
    this.separator = json.split;
    // A text that holds the unknown token as a word makes it stand twice; as in Keras, the last wins.
    this.#ids = new Uint32Array(json.words.length);
    const letters = new TextBytes();
    json.words.forEach((word, i) => {
      letters.set(word);
      this.#ids[this.#known.add(letters.bytes, 0, letters.length)] = i + 1;
    });
    const word = json.outOfVocabulary;
    this.#unknown = word === null ? 0 : this.idOf(encodeUtf8(word));
    this.emptyToken = this.#unknown;
    this.vocabularySize = json.words.length + 1;
  }

  encode(text: string): number[] {
    const ids = this.encodeWords(text);
    return this.#unknown === 0 ? ids.filter((id) => id !== 0) : ids;
  }

  /** An id for every word of a text: 0 for those that are dropped. */
  encodeWords(text: string): number[] {
    const ids: number[] = [];
    this.#splitter.split(text, (bytes, start, end) => {
      const index = this.#known.find(bytes, start, end);
      ids.push(index < 0 ? this.#unknown : this.#ids[index]!);
    });
    return ids;
  }

  /** The word of an id; empty for padding. */
  word(id: number): string {
    return this.#json.words[id - 1] ?? '';
  }

  unknownIn(text: string): string[] {
    const words: string[] = [];
    this.#splitter.split(text, (bytes, start, end) => {
      const isKnown = this.#known.find(bytes, start, end) >= 0;
      if (!isKnown) words.push(decodeUtf8(bytes.subarray(start, end)));
    });
    return words;
  }

  /** The id of a word as UTF-8, as it comes from the splitter; 0 where unknown words are dropped. */
  idOf(word: Uint8Array): number {
    const index = this.#known.find(word, 0, word.length);
    return index < 0 ? this.#unknown : this.#ids[index]!;
  }

  /** The words with what splits them between them, and lines. */
  decode(ids: ArrayLike<number>): string {
    const { words, lineEnd } = this.#json;
    let text = '';
    let atStart = true;
    for (let i = 0; i < ids.length; i++) {
      const word = words[ids[i]! - 1];
      if (word === undefined) continue;
      const endsLine = word === lineEnd;
      if (!atStart && !endsLine) text += this.separator;
      text += endsLine ? '\n' : word;
      atStart = endsLine;
    }
    return text;
  }

  cut(text: string): number {
    return this.#splitter.cut(text);
  }

  toJSON(): SerializedWord {
    return this.#json;
  }
}

/** With its keys in the order of the schema, wherever it comes from: the same tokenizer is the same text. */
function inOrder(json: Omit<SerializedWord, 'kind'>): SerializedWord {
  const { filters, lowerCase, zeroDigits, split, outOfVocabulary, lineEnd, words } = json;
  return {
    ...{ kind: 'word', filters, lowerCase },
    ...(zeroDigits !== undefined && { zeroDigits }),
    ...{ split, outOfVocabulary },
    ...(lineEnd !== undefined && { lineEnd }),
    words,
  };
}

/**
 * Keeps the most frequent words, equal counts in the order of first appearance, as many as there
 * are ids below `vocabularySize` (Keras's `num_words`). The unknown token comes before them; the line
 * end is always one of them.
 */
export function trainWordTokenizer(config: WordConfig, counts: TokenCounts): WordTokenizer {
  const { minCount, vocabularySize, unknownToken, lineEnd } = config;
  const unknown = unknownToken ?? config.outOfVocabulary;
  const ranked = Array.from(counts)
    .filter(([word, count]) => (count >= minCount || word === lineEnd) && word !== unknownToken)
    .sort(([, a], [, b]) => b - a)
    .map(([word]) => word);
  const words = [...(unknown === null ? [] : [unknown]), ...ranked].slice(0, vocabularySize - 1);
  if (lineEnd !== undefined && !words.includes(lineEnd)) {
    if (words.length === vocabularySize - 1) words.pop();
    words.push(lineEnd);
  }
  return new WordTokenizer({ ...splitOptions(config), outOfVocabulary: unknown, words });
}

/** What decides where a text is cut into words. */
export function splitOptions({
  filters,
  lowerCase,
  split,
  lineEnd,
  zeroDigits = false,
}: Pick<WordConfig, 'filters' | 'lowerCase' | 'split' | 'lineEnd' | 'zeroDigits'>): SplitOptions {
  const options = {
    ...{ filters: filters ?? kerasFilters, lowerCase, split },
    // Where it is not asked for it is not there: files made before are the same.
    ...(zeroDigits && { zeroDigits }),
  };
  return lineEnd === undefined ? options : { ...options, lineEnd };
}

/** The words of a text. */
export function splitWords(text: string, config: WordConfig): string[] {
  return listWords(new WordSplitter(splitOptions(config)), text);
}
