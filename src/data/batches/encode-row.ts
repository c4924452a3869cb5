import type { Config } from '../../config/schema.js';
import { FeatureEncoder, type FeatureVocabulary, keptBy } from '../features/features.js';
import { joinTokens } from '../formats/tagged/tokens.js';
import type { Tokenizer } from '../tokenizers/tokenizer.js';
import { WordTokenizer } from '../tokenizers/word.js';
import { marksOf, WordForms } from '../tokenizers/word-forms.js';

/** Ids of tokens, and of each feature as many numbers a token as it has. */
export interface EncodedTokens {
  readonly tokens: readonly number[];
  readonly features: readonly (readonly number[])[];
}

/** Tokens of a text and, where there are features, the form of each. */
interface SplitText {
  readonly tokens: readonly number[];
  readonly forms?: readonly string[];
}

/** Of a token, with what stands behind it, about: of a long text so many times as many characters are looked at as tokens are read. */
const USUAL_CHARACTERS = 8;
/** That of ASCII alone: regular expressions also count the mark of the byte order, which is passed over where letters are lowered. */
const whiteSpace = /[ \t\r\n]/;

/** Makes of texts what batches hold of them: in prediction as in training, where `src/data/prepare` does the same. */
export class RowEncoder {
  readonly #encoder: FeatureEncoder;
  /** Where there are features. */
  readonly #words: { readonly tokenizer: WordTokenizer; readonly forms: WordForms } | undefined;

  constructor(
    private readonly tokenizer: Tokenizer,
    vocabularies: readonly FeatureVocabulary[] = [],
  ) {
    this.#encoder = new FeatureEncoder(vocabularies);
    if (vocabularies.length > 0 && tokenizer instanceof WordTokenizer) {
      const json = tokenizer.toJSON();
      const forms = new WordForms(json, marksOf(json), keptBy(vocabularies));
      this.#words = { tokenizer, forms };
    }
  }

  /**
   * A row as a classifier sees it: at most `maxLength` tokens, the end that `truncate` names cut away (Keras's `pad_sequences`,
   * without the padding), and at least one, of which nothing is known where the text has none.
   */
  encodeRow(
    text: string,
    { maxLength, truncate }: Pick<Config['data'], 'maxLength' | 'truncate'>,
  ): EncodedTokens {
    const { tokens, forms } = this.#splitEnd(text, maxLength, truncate);
    if (tokens.length === 0) return this.encodeToken(this.tokenizer.emptyToken);
    const start = truncate === 'post' ? 0 : Math.max(0, tokens.length - maxLength);
    const end = start + maxLength;
    // Cut first: there may be many more.
    return {
      tokens: tokens.slice(start, end),
      features: forms ? this.#encoder.encode(forms.slice(start, end), []) : [],
    };
  }

  /** All tokens of a text, of which there may be none. */
  encode(text: string): EncodedTokens {
    const { tokens, forms } = this.#split(text);
    return { tokens, features: forms ? this.#encoder.encode(forms, []) : [] };
  }

  /**
   * At least so many tokens of the end of a text that is not cut away, or all: a text may be much longer than what is read of it.
   */
  #splitEnd(text: string, least: number, truncate: Config['data']['truncate']): SplitText {
    for (let length = USUAL_CHARACTERS * least; 2 * length < text.length; length *= 4) {
      const first = truncate === 'post' ? length : text.length - length;
      const at = this.tokenizer.cut(text.slice(0, first));
      // Across anything else a letter may be lowered otherwise than alone.
      if (!whiteSpace.test(text.charAt(at - 1))) continue;
      const found = this.#split(truncate === 'post' ? text.slice(0, at) : text.slice(at));
      if (found.tokens.length >= least) return found;
    }
    return this.#split(text);
  }

  #split(text: string): SplitText {
    if (this.#words === undefined) return { tokens: this.tokenizer.encode(text) };
    const { tokenizer, forms } = this.#words;
    const ids = tokenizer.encodeWords(text);
    // A word that is dropped takes along what is known of it.
    return {
      tokens: ids.filter((id) => id !== 0),
      forms: forms.of(text).filter((_, i) => ids[i] !== 0),
    };
  }

  /** A token of the vocabulary as a text would have it. */
  encodeToken(id: number): EncodedTokens {
    if (this.#words === undefined) return { tokens: [id], features: [] };
    const { tokenizer, forms } = this.#words;
    const form = forms.ofWord(tokenizer.word(id));
    return { tokens: [id], features: this.#encoder.encode([form], []) };
  }

  /** Tokens that are given as such, with what stands in columns beside them (see `FeatureReader.read`). */
  encodeTokens(tokens: readonly string[], columns: readonly (readonly string[])[]): EncodedTokens {
    return {
      tokens: this.tokenizer.encode(joinTokens(tokens)),
      features: this.#encoder.encode(tokens, columns),
    };
  }
}

/** Some of the tokens, with what is known of them. */
export function sliceTokens(
  { tokens, features }: EncodedTokens,
  start: number,
  end = tokens.length,
): EncodedTokens {
  return {
    tokens: tokens.slice(start, end),
    features: features.map((numbers) => {
      const each = numbers.length / tokens.length;
      return numbers.slice(start * each, end * each);
    }),
  };
}

/** Tokens and those behind them, with what is known of both. */
export function joinEncoded(first: EncodedTokens, second: EncodedTokens): EncodedTokens {
  return {
    tokens: [...first.tokens, ...second.tokens],
    features: first.features.map((numbers, i) => [...numbers, ...second.features[i]!]),
  };
}
