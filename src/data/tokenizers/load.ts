import { plainTokenizerFromJson } from './plain-kinds.js';
import type { SerializedTokenizer } from './serialized.js';
import type { Tokenizer } from './tokenizer.js';

/** As `tokenizerFromJson`, for threads that start sooner without the code of `bpe`. */
export async function loadTokenizer(json: SerializedTokenizer): Promise<Tokenizer> {
  if (json.kind !== 'bpe') return plainTokenizerFromJson(json);
  const { bpeFromJson } = await import('./bpe-file.js');
  return bpeFromJson(json);
}
