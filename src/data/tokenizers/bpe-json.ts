import * as z from 'zod';
import { alphabet, bytesOfToken } from './bpe-alphabet.js';
import { BpeModel } from './bpe-model.js';

/**
 * A Hugging Face `tokenizer.json` with a byte-level BPE model: what of it is read here. The rest
 * (post-processing, truncation, padding) is kept and not used.
 */

const addedTokenSchema = z.looseObject({
  id: z.int().min(0),
  content: z.string().min(1),
  /** Whether letters beside it make it no match. */
  single_word: z.boolean().default(false),
  /** Whether it takes the white space before and behind it. */
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  /** Whether it is looked for in normalized text. */
  normalized: z.boolean().default(false),
});

const modelSchema = z.looseObject({
  type: z.literal('BPE').default('BPE'),
  // Read by hand: a token may be called __proto__.
  vocab: z.custom<Record<string, unknown>>(isObject, { error: 'expected an object of ids' }),
  merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])),
  dropout: z.literal([0, null], { error: 'expected none: dropout makes ids random' }).optional(),
  continuing_subword_prefix: z.literal(['', null]).optional(),
  end_of_word_suffix: z.literal(['', null]).optional(),
  unk_token: z.string().nullable().default(null),
  ignore_merges: z.boolean().default(false),
});

const stepSchema = z.looseObject({ type: z.string() });

const tokenizerJsonSchema = z.looseObject({
  added_tokens: z.array(addedTokenSchema).default([]),
  normalizer: stepSchema.nullable().default(null),
  pre_tokenizer: stepSchema,
  model: modelSchema,
});

export type AddedToken = z.output<typeof addedTokenSchema>;
/** A normalizer or pre-tokenizer. */
export type Step = z.output<typeof stepSchema>;

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

/**
 * Reads a tokenizer.json.
 *
 * @throws RangeError that says what was expected where.
 */
export function parseTokenizerJson(json: unknown): ParsedTokenizer {
  const parsed = tokenizerJsonSchema.safeParse(json);
  if (!parsed.success) throw new RangeError(describe(parsed.error));
  const { added_tokens, normalizer, pre_tokenizer, model } = parsed.data;
  const steps = Array.isArray(pre_tokenizer['pretokenizers'])
    ? z.array(stepSchema).parse(pre_tokenizer['pretokenizers'])
    : [pre_tokenizer];
  if (steps.at(-1)?.type !== 'ByteLevel') {
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

function describe({ issues: [issue] }: z.ZodError): string {
  const key = issue!.path.join('.');
  return key === '' ? issue!.message : `${key}: ${issue!.message}`;
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
