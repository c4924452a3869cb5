import { alphabet, bytesOfToken } from './bpe-alphabet.js';
import type { CheckedTokenizer } from './bpe-json.js';
import { BpeModel } from './bpe-model.js';

/** A tokenizer.json made ready: from here on nothing is checked but what its parts say of each other. */

export type AddedToken = CheckedTokenizer['added_tokens'][number];
/** A normalizer or pre-tokenizer. */
export type Step = CheckedTokenizer['pre_tokenizer'];

export interface ParsedTokenizer {
  readonly addedTokens: AddedToken[];
  readonly normalizer: Step | null;
  readonly preTokenizer: Step;
  readonly model: BpeModel;
  /** Bytes of each token by id; undefined for ids that stand for nothing. */
  readonly bytesOf: (id: number) => Uint8Array | undefined;
  /** The largest id plus one. */
  readonly size: number;
}

/** @throws RangeError that says what was expected where. */
export function parseTokenizer(checked: CheckedTokenizer): ParsedTokenizer {
  const { added_tokens, normalizer, pre_tokenizer, model } = checked;
  const steps = pre_tokenizer['pretokenizers'];
  const last: unknown = Array.isArray(steps) ? steps.at(-1) : pre_tokenizer;
  if ((last as Step | undefined)?.type !== 'ByteLevel') {
    throw new RangeError('pre_tokenizer: expected ByteLevel, only byte-level BPE is supported');
  }
  const ids = readVocabulary(model.vocab);
  if (model.unk_token !== null && !alphabet.every((byte) => ids.has(byte))) {
    throw new RangeError('model.vocab: expected all 256 bytes where there is an unk_token');
  }
  const merges = model.merges.map((merge) => (typeof merge === 'string' ? cutPair(merge) : merge));
  checkAddedIds(added_tokens, ids);
  const tokens: string[] = [];
  for (const [token, id] of ids) tokens[id] = token;
  const added = new Map(added_tokens.map(({ id, content }) => [id, content]));
  return {
    addedTokens: added_tokens,
    normalizer,
    preTokenizer: pre_tokenizer,
    model: new BpeModel(ids, merges, model.ignore_merges),
    bytesOf: (id) => {
      const content = added.get(id);
      if (content !== undefined) return new TextEncoder().encode(content);
      const token = tokens[id];
      return token === undefined ? undefined : bytesOfToken(token);
    },
    size: Math.max(tokens.length, ...added_tokens.map(({ id }) => id + 1)),
  };
}

function readVocabulary(vocab: Record<string, unknown>): Map<string, number> {
  const ids = new Map<string, number>();
  for (const [token, id] of Object.entries(vocab)) {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= 2 ** 26) {
      throw new RangeError(`model.vocab: expected an id for ${JSON.stringify(token)}`);
    }
    ids.set(token, id);
  }
  return ids;
}

/** Tokens that are not in the vocabulary follow it; the package would number them anew otherwise. */
function checkAddedIds(tokens: readonly AddedToken[], ids: ReadonlyMap<string, number>): void {
  let next = ids.size;
  for (const { content, id } of tokens) {
    const expected = ids.get(content) ?? next;
    if (id !== expected) {
      throw new RangeError(
        `added_tokens: expected the id ${expected} for ${JSON.stringify(content)}, not ${id}`,
      );
    }
    next = Math.max(next, id + 1);
  }
}

/** Older files have "left right" for a pair. */
function cutPair(merge: string): [string, string] {
  const [left, right, ...rest] = merge.split(' ');
  if (left === undefined || right === undefined || rest.length > 0) {
    throw new RangeError(`model.merges: expected two tokens, not ${JSON.stringify(merge)}`);
  }
  return [left, right];
}
