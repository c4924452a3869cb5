import * as z from 'zod';
import { schemaOf, zod } from '../zod.js';
import { featureSchema } from '../data/features/options.js';
import { CELLS, layerKind, LAYERS } from '../model/layers/registry.js';
import { poolingKind, RESIDUAL, type StackLayer } from '../model/graph/stack-layers.js';
import { float32 } from '../tensor/float32.js';

/** What a config says of its network, put together from what each kind of layer says of itself. */

/** A layer as a config says it: `kind` may be left out for the usual one, and `cell` is another word for it. */
export interface LayerInput {
  kind?: string | undefined;
  cell?: string | undefined;
  [option: string]: unknown;
}

const USUAL_LAYER = CELLS[0];

/** An object schema and what, if anything, is made of its values. */
function keysOf(schema: z.ZodType): z.ZodObject {
  const keys = schema instanceof z.ZodPipe ? schema.in : schema;
  if (!(keys instanceof z.ZodObject)) throw new Error('options of a layer are a group of keys');
  return keys;
}

/** Keys of variants that stand for others: what their JSON Schema says of them. */
export const otherWords = new WeakMap<object, Record<string, object>>();

/** A layer of a kind: its options, checked key by key, and then by what its own schema makes of them together. */
function layerVariant(kind: string) {
  const options = layerKind(kind).options(zod);
  // Optional on the inside, or the union would not find this variant without its kind.
  const literal = kind === USUAL_LAYER ? z.literal(kind).optional().default(kind) : z.literal(kind);
  const keys = z.strictObject({ kind: literal, ...keysOf(options).shape });
  if (kind === USUAL_LAYER) {
    const description = 'Another word for the kind of a recurrent layer.';
    otherWords.set(keys, { cell: { type: 'string', enum: CELLS, description } });
  }
  return keys.transform((given, context): StackLayer => {
    const own = Object.fromEntries(Object.entries(given).filter(([key]) => key !== 'kind'));
    const parsed = options.safeParse(own);
    if (parsed.success) return { kind, ...(parsed.data as object) };
    for (const issue of parsed.error.issues) context.addIssue({ ...issue });
    return z.NEVER;
  });
}

const blockVariant = z.strictObject({
  kind: z.literal(RESIDUAL),
  layers: z
    .array(z.lazy(() => layerSchema))
    .min(1)
    .describe('What the input is added to the output of; both have the same width.'),
});

const variants = [
  ...LAYERS.filter(({ place }) => place === 'layers').map(({ kind }) => layerVariant(kind)),
  blockVariant,
] as const;

const layerSchema: z.ZodType<StackLayer, LayerInput> = z
  .preprocess(
    readCell,
    z.discriminatedUnion('kind', variants as unknown as [(typeof variants)[number]]),
  )
  .meta({ id: 'layer' }) as unknown as z.ZodType<StackLayer, LayerInput>;

/** `cell` is another word for the kind of a recurrent layer. */
function readCell(layer: unknown, context: z.core.$RefinementCtx): unknown {
  if (typeof layer !== 'object' || layer === null || !('cell' in layer)) return layer;
  const { cell, ...rest } = layer as LayerInput;
  if (cell === undefined) return rest;
  const isCell = CELLS.some((each) => each === cell);
  if (isCell && rest.kind === undefined) return { ...rest, kind: cell };
  const place = { path: ['cell'], input: cell };
  if (isCell) {
    const message = 'expected kind alone, for which cell is another word';
    context.issues.push({ code: 'custom', message, ...place });
  } else context.issues.push({ code: 'invalid_value', values: [...CELLS], ...place });
  return z.NEVER;
}

const poolingKinds = LAYERS.flatMap(({ kind, place }) => (place === 'pooling' ? [kind] : []));
const poolingVariants = poolingKinds.map(layerVariant) as unknown as [(typeof variants)[number]];

/** What makes one row of a row's tokens: a kind's name, or a group of keys where it has others than its usual options. */
const poolingSchema = z
  .union([z.enum(poolingKinds), z.discriminatedUnion('kind', poolingVariants)])
  .transform((given) => (typeof given === 'string' ? given : shortenUsual(given)))
  .meta({ id: 'pooling' });
const poolingsSchema = z
  .array(poolingSchema)
  .min(1)
  .superRefine((list, context) => {
    const again = list.findIndex(
      (each, i) => list.findIndex((other) => poolingKind(other) === poolingKind(each)) < i,
    );
    if (again < 0) return;
    const message = `expected every kind once at most, and ${poolingKind(list[again]!)} stands before it`;
    context.addIssue({ code: 'custom', path: [again], message });
  });

/** The name alone says as much as a group of a kind's usual options. */
function shortenUsual({ kind, ...options }: StackLayer): string | StackLayer {
  const usual = Object.entries(schemaOf(layerKind(kind).options).parse({}) as object);
  const isUsual = usual.every(([key, value]) => options[key] === value);
  return isUsual ? kind : { kind, ...options };
}

const embeddingOptions = layerKind('embedding').options(zod);

/** The key of an embedding, whose options may be told in other words. */
function embeddingKeyOf(keys: z.ZodObject) {
  return z
    .union([keys.shape['width'] as z.ZodNumber, keys])
    .transform((given, context): Record<string, unknown> => {
      const options: Record<string, unknown> =
        typeof given === 'number' ? { width: given } : { ...given };
      // The source's has that of the target's, whose weight it has (see `completeEncoder`).
      if (options['tied'] === true && options['width'] === undefined) return options;
      const parsed = embeddingOptions.safeParse(options);
      if (parsed.success) return parsed.data as Record<string, unknown>;
      for (const issue of parsed.error.issues) context.addIssue({ ...issue });
      return z.NEVER;
    })
    .prefault(64)
    .describe('Width of the embedding vectors, or a group of keys.');
}

const embeddingKeys = keysOf(embeddingOptions);
const tiedSource = z
  .boolean()
  .default(false)
  .describe(
    'Whether it has the weight of `model.embedding`, beside `data.sharedVocabulary: true`, with which both sides have the same words; both have the same width then, which need not be said. With `model.embedding.tied: true` it is that of the head, too.',
  );
const sourceWidth = z
  .int()
  .positive()
  .optional()
  .describe('Width of the vectors; that of `model.embedding` beside `tied: true`.');
const dropoutSchema = float32(z.number().min(0).lt(1)).default(0);

const encoderSchema = z.strictObject({
  embedding: embeddingKeyOf(embeddingKeys.extend({ tied: tiedSource, width: sourceWidth })),
  layers: z
    .array(layerSchema)
    .min(1)
    .prefault([{ hiddenSize: 128, direction: 'both' }])
    .describe('Layers that read the source, the one that reads its embedding first.'),
  dropout: dropoutSchema.describe(
    'Share of the outputs of the layers below the top one that is dropped in training.',
  ),
});

const attentionSchema = z.strictObject({
  kind: z
    .enum(['none', 'dot', 'general', 'additive'])
    .default('general')
    .describe(
      'How a token is compared with what it attends to, of a translation the tokens of the source, of a language model those before it: by the product of what the layers and the encoder leave of them (`dot`), with a weight between (`general`, Luong et al. 2015), by v · tanh(W q + U k) (`additive`, Bahdanau et al. 2015), or not.',
    ),
  heads: z
    .int()
    .positive()
    .default(1)
    .describe('Parts of the vectors that attend apart from each other.'),
  width: z
    .int()
    .positive()
    .optional()
    .describe(
      'Width of what is made of a token and what it attends to, and of the vectors that `additive` compares; that of the layer below by default.',
    ),
  after: z
    .int()
    .positive()
    .optional()
    .describe(
      'How many of `layers` stand below it, counted from the one that reads the embedding; what is made of their outputs and of what is attended to is the input of the next one. All by default.',
    ),
  inputFeeding: z
    .boolean()
    .default(false)
    .describe(
      'Whether what is made of a token and what it attends to is read with the next token by the lowest of the layers below attention (Luong et al. 2015; translations). Their tokens then go one after the other, which takes longer.',
    ),
  span: z
    .int()
    .positive()
    .max(4096)
    .optional()
    .describe(
      'How many tokens before one it attends to (language models), those of the batches before among them; 64 by default.',
    ),
});

const bridgeSchema = z.enum(['dense', 'zeros']);

/** What a translator's config says of its encoder, and of what is read of that, where it says nothing. */
export function completeEncoder<
  M extends Pick<Model, 'embedding' | 'encoder' | 'attention' | 'bridge'>,
>({
  encoder: given = encoderSchema.parse({}),
  attention = attentionSchema.parse({}),
  bridge = 'dense',
  ...model
}: M) {
  // Of the same weight. Said as undefined it is not said.
  const { width = model.embedding['width'], ...own } = given.embedding;
  const embedding: Record<string, unknown> = { width, ...own };
  const encoder = { ...given, embedding };
  return { ...model, encoder, attention, bridge };
}

type Model = z.output<typeof modelSchema>;

export const modelSchema = z.strictObject({
  embedding: embeddingKeyOf(embeddingKeys),
  features: z
    .array(featureSchema)
    .prefault([])
    .describe(
      'What is known of a word beside its entry in the vocabulary, each with a vector that stands behind that of the word: its shape, its first or last letters, all of its letters or, for task tag, a column of its own.',
    ),
  layers: z
    .array(layerSchema)
    .min(1)
    .prefault([{ hiddenSize: 128 }])
    .describe('Layers on top of each other, the one that reads the embedding first.'),
  pooling: z
    .union([poolingSchema, poolingsSchema])
    .transform((given): (string | StackLayer)[] => (Array.isArray(given) ? given : [given]))
    .prefault('last')
    .describe(
      'What is read of the top layer where rows have targets: of every row what a recurrent layer ends with, also below dropout (`last`, of other layers what stands at the last token), or what else is made of its tokens, by its name or as a group of keys; of a list, all of it side by side.',
    ),
  dropout: dropoutSchema.describe(
    'Share of the outputs of the layers, of a classifier also of what is pooled, that is dropped in training.',
  ),
  encoder: encoderSchema
    .optional()
    .describe('What reads the source of a translation; `layers` predict the target.'),
  attention: attentionSchema
    .optional()
    .describe(
      'How a translation attends to its source, or a language model to the tokens before one, behind `layers`.',
    ),
  bridge: bridgeSchema
    .optional()
    .describe(
      'What recurrent layers of a translator begin with: what is made of the states that the encoder ends with (`dense`, the usual one), or `zeros`.',
    ),
});
