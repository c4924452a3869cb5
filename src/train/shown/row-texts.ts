import type { Corpus } from '../../data/store/corpus.js';
import type { TokenStore } from '../../data/store/token-store.js';
import type { Tokenizer } from '../../data/tokenizers/tokenizer.js';

/** Characters of a text that is shown; and tokens that are read for them: of letters that take several bytes a byte each. */
const CHARACTERS = 400;
const TOKENS = 4 * CHARACTERS;

/** A row as a store has it: ids of its tokens, and of its tags or of its source where it has such. */
export interface StoredRow {
  tokens: Int32Array;
  /** Words of its label; absent of pairs. */
  label: Int32Array;
  tags: Int32Array;
  source: Int32Array;
}

/** Reads one row of a store. */
export async function readStoredRow(
  store: TokenStore,
  row: number,
  tagged: boolean,
): Promise<StoredRow> {
  const rowStart = new Int32Array(2);
  const tokens = new Int32Array(store.longestRow);
  const tags = new Int32Array(tagged ? store.longestRow : 0);
  const label = new Int32Array(store.labelWords ?? 1);
  const source = store.source && {
    tokens: new Int32Array(store.source.longestRow),
    rowStart: new Int32Array(2),
  };
  await store.readRows([row], {
    ...{ tokens, rowStart, labels: label },
    ...(tagged && { targets: tags }),
    ...(source && { source }),
  });
  return {
    tokens: tokens.subarray(0, rowStart[1]),
    label,
    tags: tags.subarray(0, rowStart[1]),
    source: source ? source.tokens.subarray(0, source.rowStart[1]) : tags.subarray(0, 0),
  };
}

/** Text of token ids, as far as it is shown. */
export function showTokens(tokenizer: Tokenizer, ids: Int32Array | readonly number[]): string {
  return cutText(tokenizer.decode(ids.length > TOKENS ? ids.slice(0, TOKENS) : ids));
}

/** Tokens as they are, whatever the tokenizer puts between them. */
export function showWords(tokenizer: Tokenizer, tokens: Int32Array): string {
  const shown = Array.from(tokens.subarray(0, CHARACTERS), (token) => tokenizer.decode([token]));
  return cutText(shown.join(' '));
}

/** Tokens with their tags: "word/TAG word/TAG". */
export function showTags(
  { tokenizer, classes }: Pick<Corpus, 'tokenizer' | 'classes'>,
  tokens: Int32Array,
  tags: Int32Array,
): string {
  const shown = Array.from(
    tokens.subarray(0, CHARACTERS),
    (token, i) => `${tokenizer.decode([token])}/${classes[tags[i]!]!}`,
  );
  return cutText(shown.join(' '));
}

/** A text that is not too long for a line of the log. */
export function cutText(text: string): string {
  if (text.length <= CHARACTERS) return text;
  // No half of a character whose code has two parts.
  const end = /[\uD800-\uDBFF]/.test(text[CHARACTERS - 2]!) ? CHARACTERS - 2 : CHARACTERS - 1;
  return `${text.slice(0, end)}…`;
}
