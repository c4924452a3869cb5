import { readFileSync } from 'node:fs';
import { UserError } from '../../errors.js';
import { BpeTokenizer } from './bpe.js';
import { checkTokenizerJson } from './bpe-json.js';
import type { SerializedBpe } from './serialized.js';

/** @throws RangeError that names the key of the tokenizer.json and what was expected. */
export function bpeFromJson(json: Omit<SerializedBpe, 'kind'>): BpeTokenizer {
  return new BpeTokenizer(json, checkTokenizerJson(json.tokenizer));
}

/**
 * The tokenizer of a Hugging Face `tokenizer.json`.
 *
 * @throws UserError for a file that is missing, damaged or no byte-level BPE.
 */
export function loadBpeTokenizer(path: string): BpeTokenizer {
  try {
    return bpeFromJson({ tokenizer: JSON.parse(readFileSync(path, 'utf8')) });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const missing = 'code' in error && error.code === 'ENOENT';
    throw new UserError(
      missing
        ? `data.tokenizer.file: there is no file ${path}; expected a Hugging Face tokenizer.json.`
        : `${path} is no tokenizer.json that can be used: ${error.message}.`,
      { cause: error },
    );
  }
}
