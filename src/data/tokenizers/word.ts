import type { TokenizerConfig } from '../../config/schema.js';
import type { SerializedWord } from './serialized.js';
import type { TokenCounter, TokenCounts, Tokenizer } from './tokenizer.js';
import { type SplitOptions, WordSplitter } from './word-splitter.js';

type WordConfig = Extract<TokenizerConfig, { kind: 'word' }>;

/** Keras's default: punctuation, tab and line feed; the apostrophe stays. */
const kerasFilters = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n';

/** Keras's `Tokenizer`: words by descending frequency from id 1, the unknown word before them. */
export class WordTokenizer implements Tokenizer {
  readonly kind = 'word';
  readonly vocabularySize: number;
  readonly emptyToken: number;
  readonly #json: SerializedWord;
  readonly #splitter: WordSplitter;
  readonly #ids = new Map<string, number>();
  /** Id of unknown words; 0 drops them. */
  readonly #unknown: number;

  constructor(json: Omit<SerializedWord, 'kind'>) {
    this.#json = { kind: 'word', ...json };
    this.#splitter = new WordSplitter(json);
    // A text that holds the unknown token as a word makes it stand twice; as in Keras, the last wins.
    json.words.forEach((word, i) => this.#ids.set(word, i + 1));
    this.#unknown = json.outOfVocabulary === null ? 0 : (this.#ids.get(json.outOfVocabulary) ?? 0);
    this.emptyToken = this.#unknown;
    this.vocabularySize = json.words.length + 1;
  }

  encode(text: string): number[] {
    const ids: number[] = [];
    const known = this.#ids;
    const unknown = this.#unknown;
    this.#splitter.split(text, (word) => {
      const id = known.get(word) ?? unknown;
      if (id !== 0) ids.push(id);
    });
    return ids;
  }

  /** The words with a blank between them. */
  decode(ids: ArrayLike<number>): string {
    const words: string[] = [];
    for (let i = 0; i < ids.length; i++) {
      const word = this.#json.words[ids[i]! - 1];
      if (word !== undefined) words.push(word);
    }
    return words.join(' ');
  }

  cut(text: string): number {
    return this.#splitter.cut(text);
  }

  toJSON(): SerializedWord {
    return this.#json;
  }
}

/** Counts words as the tokenizer will split them. */
export class WordCounter implements TokenCounter {
  readonly counts = new Map<string, number>();
  readonly #splitter: WordSplitter;

  constructor(config: WordConfig) {
    this.#splitter = new WordSplitter(splitOptions(config));
  }

  add(text: string): void {
    const counts = this.counts;
    this.#splitter.split(text, (word) => {
      const count = counts.get(word);
      if (count === undefined) counts.set(detach(word), 1);
      else counts.set(word, count + 1);
    });
  }

  cut(text: string): number {
    return this.#splitter.cut(text);
  }
}

/** A slice of a string keeps the whole of it alive, which here would be the corpus: copies it. */
function detach(slice: string): string {
  return Buffer.from(slice, 'utf16le').toString('utf16le');
}

/**
 * Keeps the most frequent words, equal counts in the order of first appearance, as many as there
 * are ids below `vocabularySize` (Keras's `num_words`).
 */
export function trainWordTokenizer(config: WordConfig, counts: TokenCounts): WordTokenizer {
  const words = Array.from(counts)
    .filter(([, count]) => count >= config.minCount)
    .sort(([, a], [, b]) => b - a)
    .map(([word]) => word);
  if (config.outOfVocabulary !== null) words.unshift(config.outOfVocabulary);
  return new WordTokenizer({
    ...splitOptions(config),
    outOfVocabulary: config.outOfVocabulary,
    words: words.slice(0, config.vocabularySize - 1),
  });
}

function splitOptions({ filters, lowerCase, split }: WordConfig): SplitOptions {
  return { filters: filters ?? kerasFilters, lowerCase, split };
}
