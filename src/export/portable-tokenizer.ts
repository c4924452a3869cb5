import { checkTokenizerJson } from '../data/tokenizers/bpe-json.js';
import { isOwnCutter, isOwnNormalizer } from '../data/tokenizers/bpe-steps.js';
import type { SerializedTokenizer } from '../data/tokenizers/serialized.js';
import type { Tokenizer } from '../data/tokenizers/tokenizer.js';
import { UserError } from '../errors.js';

/**
 * A tokenizer as browsers can have it: one whose steps are our own code.
 *
 * @param key of the config, for messages
 * @returns of a `bpe` only what is read of its tokenizer.json, as it was checked
 * @throws UserError for a `bpe` with steps that the package `tokenizers` takes, which browsers have not
 */
export function portableTokenizer(tokenizer: Tokenizer, key: string): SerializedTokenizer {
  const json = tokenizer.toJSON();
  if (json.kind !== 'bpe') return json;
  const { added_tokens, normalizer, pre_tokenizer, model } = checkTokenizerJson(json.tokenizer);
  const foreign = [
    ...(isOwnNormalizer(normalizer) ? [] : [`the normalizer ${normalizer!.type}`]),
    ...(isOwnCutter(pre_tokenizer) ? [] : [`the pre-tokenizer ${pre_tokenizer.type}`]),
  ];
  if (foreign.length > 0) {
    throw new UserError(
      `${key}: its tokenizer.json has ${foreign.join(' and ')}, which only the package "tokenizers" knows, and browsers cannot run that: ` +
        'expected no normalizer or Lowercase, and the pre-tokenizer ByteLevel with use_regex',
    );
  }
  const { vocab, merges, unk_token, ignore_merges, type } = model;
  return {
    kind: 'bpe',
    tokenizer: {
      ...{ added_tokens, normalizer, pre_tokenizer },
      model: { type, vocab, merges, unk_token, ignore_merges },
    },
  };
}
