import * as z from 'zod';

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
  pre_tokenizer: stepSchema.refine(
    ({ pretokenizers: steps }) => !Array.isArray(steps) || steps.every(isStep),
    { error: 'expected steps, each of a type' },
  ),
  model: modelSchema,
});

export type CheckedTokenizer = z.output<typeof tokenizerJsonSchema>;

/**
 * Checks a tokenizer.json.
 *
 * @returns it with what files may leave out
 * @throws RangeError that says what was expected where.
 */
export function checkTokenizerJson(json: unknown): CheckedTokenizer {
  const parsed = tokenizerJsonSchema.safeParse(json);
  if (!parsed.success) throw new RangeError(describe(parsed.error));
  return parsed.data;
}

function describe({ issues: [issue] }: z.ZodError): string {
  const key = issue!.path.join('.');
  return key === '' ? issue!.message : `${key}: ${issue!.message}`;
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isStep(value: unknown): boolean {
  return stepSchema.safeParse(value).success;
}
