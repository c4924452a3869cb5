import type { TokenizerConfig } from './options.js';
import type { BpeTokenizer } from './bpe.js';
import type { SerializedBpe, SerializedTokenizer } from './serialized.js';
import { TextBytes } from './text-bytes.js';
import type { VarintWriter } from './varints.js';
import { splitOptions } from './word.js';
import { type HashedVisit, type SplitOptions, WordSplitter } from './word-splitter.js';
import { WordTable } from './word-table.js';

/**
 * Cutting texts into tokens before there is a vocabulary: tokens get local numbers, by their first
 * appearance, and a dictionary says what each number stands for.
 */
export interface LocalCutter {
  /** The tokens by number; absent where numbers are final ids. */
  readonly dictionary?: WordTable;
  /** Whether the numbers are bytes as they are, rather than LEB128. */
  readonly plainBytes: boolean;
  /** Appends the numbers of the texts' tokens to `into`; gives how many tokens each text has. */
  cut(texts: readonly string[], into: VarintWriter): number[];
  /** As `Tokenizer.cut`: where a text that goes on may be cut. */
  findCut(text: string): number;
  /** Whether a text may be cut behind any line feed without changing its tokens. */
  readonly cutsAtLineFeeds: boolean;
  /** Begins a new dictionary. */
  clear(): void;
}

/** What decides how texts are cut into tokens, whatever vocabulary is made of them. */
export type CuttingOptions =
  | ({ readonly kind: 'word' } & SplitOptions)
  | { readonly kind: 'char'; readonly lowerCase: boolean }
  | { readonly kind: 'byte' }
  | SerializedBpe;

/** Of a configuration's tokenizer, or of one that has its vocabulary already. */
export function cuttingOptions(
  tokenizer: Exclude<TokenizerConfig, { kind: 'bpe' }> | SerializedTokenizer,
): CuttingOptions {
  switch (tokenizer.kind) {
    case 'word':
      return { kind: 'word', ...splitOptions(tokenizer) };
    case 'char':
      return { kind: 'char', lowerCase: tokenizer.lowerCase };
    case 'byte':
      return { kind: 'byte' };
    case 'bpe':
      return tokenizer;
  }
}

export async function createLocalCutter(options: CuttingOptions): Promise<LocalCutter> {
  switch (options.kind) {
    case 'word':
      return new WordCutter(options);
    case 'char':
      return new CharCutter(options.lowerCase);
    case 'byte':
      return new ByteCutter();
    case 'bpe': {
      // Threads start sooner without its code.
      const { bpeFromJson } = await import('./bpe-file.js');
      return new BpeCutter(bpeFromJson(options));
    }
  }
}

class WordCutter implements LocalCutter {
  readonly dictionary = new WordTable();
  readonly plainBytes = false;
  readonly cutsAtLineFeeds: boolean;
  readonly #splitter: WordSplitter;

  constructor(options: SplitOptions) {
    this.#splitter = new WordSplitter(options);
    this.cutsAtLineFeeds = this.#splitter.cutsAtLineFeeds;
  }

  cut(texts: readonly string[], into: VarintWriter): number[] {
    let count = 0;
    const { dictionary } = this;
    const visit: HashedVisit = (bytes, start, end, code) => {
      into.push(dictionary.addHashed(bytes, start, end, code));
      count++;
    };
    return texts.map((text) => {
      count = 0;
      this.#splitter.split(text, visit);
      return count;
    });
  }

  findCut(text: string): number {
    return this.#splitter.cut(text);
  }

  clear(): void {
    this.dictionary.clear();
  }
}

const points = 0x110000;

class CharCutter implements LocalCutter {
  readonly dictionary = new WordTable();
  readonly plainBytes = false;
  readonly cutsAtLineFeeds = true;
  readonly #lowerCase: boolean;
  readonly #text = new TextBytes();
  /** Number of each code point plus one; 0 where it has none yet. */
  readonly #numbers = new Int32Array(points);

  constructor(lowerCase: boolean) {
    this.#lowerCase = lowerCase;
  }

  cut(texts: readonly string[], into: VarintWriter): number[] {
    return texts.map((text) => {
      if (this.#lowerCase) this.#text.setLower(text);
      else this.#text.set(text);
      return this.#cutBytes(into);
    });
  }

  #cutBytes(into: VarintWriter): number {
    const { bytes, length } = this.#text;
    const numbers = this.#numbers;
    let count = 0;
    for (let at = 0; at < length; count++) {
      const start = at;
      let point = bytes[at++]!;
      if (point >= 0xf0) {
        point = ((point & 7) << 18) | ((bytes[at++]! & 63) << 12) | ((bytes[at++]! & 63) << 6);
        point |= bytes[at++]! & 63;
      } else if (point >= 0xe0) {
        point = ((point & 15) << 12) | ((bytes[at++]! & 63) << 6) | (bytes[at++]! & 63);
      } else if (point >= 0x80) {
        point = ((point & 31) << 6) | (bytes[at++]! & 63);
      }
      const number = numbers[point]!;
      if (number > 0) {
        into.push(number - 1);
        continue;
      }
      const added = this.dictionary.add(bytes, start, at);
      numbers[point] = added + 1;
      into.push(added);
    }
    return count;
  }

  findCut(text: string): number {
    return text.length;
  }

  clear(): void {
    this.dictionary.clear();
    this.#numbers.fill(0);
  }
}

class ByteCutter implements LocalCutter {
  readonly plainBytes = true;
  readonly cutsAtLineFeeds = true;
  readonly #text = new TextBytes();

  cut(texts: readonly string[], into: VarintWriter): number[] {
    return texts.map((text) => {
      this.#text.set(text);
      into.pushBytes(this.#text.bytes.subarray(0, this.#text.length));
      return this.#text.length;
    });
  }

  findCut(text: string): number {
    return text.length;
  }

  clear(): void {
    // No dictionary.
  }
}

/** Its numbers are final ids. */
class BpeCutter implements LocalCutter {
  readonly plainBytes = false;
  /** Where a stream is read by extents, blank lines at their ends may give other tokens there. */
  readonly cutsAtLineFeeds: boolean;

  constructor(readonly tokenizer: BpeTokenizer) {
    this.cutsAtLineFeeds = tokenizer.cut('a line\nand another') > 0;
  }

  cut(texts: readonly string[], into: VarintWriter): number[] {
    return texts.map((text) => {
      const ids = this.tokenizer.encode(text);
      for (const id of ids) into.push(id);
      return ids.length;
    });
  }

  findCut(text: string): number {
    return this.tokenizer.cut(text);
  }

  clear(): void {
    // No dictionary.
  }
}
