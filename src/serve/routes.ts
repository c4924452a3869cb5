import { UserError } from '../errors.js';
import type { Scorable, Sentence, TrainedModel } from '../train/trained-model.js';
import { columnsOf } from '../data/features/features.js';
import { taskOf } from '../tasks/registry.js';
import { predictAll } from '../use/predictions.js';
import type { Demand } from './admission.js';
import { memoryOf } from './memory.js';
import { type JsonSchema, list, number, object, text, whole } from './schemas.js';

/** What a request may ask for at most. */
export interface RequestLimits {
  /** Texts of a request. */
  texts: number;
  /** Tokens that are generated. */
  length: number;
}

/** What a model answers over HTTP, besides what it generates, which is a stream. */
export interface ModelRoute {
  readonly path: string;
  readonly summary: string;
  /** Of the request's body, by which it has been checked when the rest is called. */
  readonly body: JsonSchema;
  readonly answer: JsonSchema;
  /** Texts that a body asks to be read, and the memory that this takes. */
  readonly measure: (body: unknown) => Demand;
  readonly respond: (model: TrainedModel, body: unknown) => Promise<object>;
}

/** Characters of a text that is classified, which reads no more than `data.maxLength` tokens of it, and of one that is read as a whole. */
const MOST_CHARACTERS = 200_000;
export const MOST_CHARACTERS_READ = 20_000;
const WIDEST_BEAM = 32;
/** Where each of them may be a token that is told of: its numbers, and what is said of it. */
const BYTES_OF_SCORED_CHARACTER = 128;

const checkpointSchema = text('Name of the checkpoint that has answered.');

/** The routes of a model's task, the one that is most used first. */
export function routesOf(model: TrainedModel, limits: RequestLimits): ModelRoute[] {
  const { call, target } = taskOf(model.config.task);
  const scores = target === 'class' || call === 'generate' || call === 'translate';
  return [
    ...(call === 'translate' ? [translateRoute(model, limits)] : []),
    ...(call === 'classify' || call === 'regress' ? [predictRoute(model, limits)] : []),
    ...(call === 'tag' ? [tagRoute(model, limits)] : []),
    ...(scores ? [scoreRoute(model, limits)] : []),
  ];
}

/** A route whose body has a list of so and so many. */
function defineRoute<B>(route: {
  path: string;
  summary: string;
  body: JsonSchema;
  answer: Readonly<Record<string, JsonSchema>>;
  list: (body: B) => readonly unknown[];
  /** Memory for a character of it; what the character itself takes where absent. */
  bytesOfCharacter?: number;
  respond: (model: TrainedModel, body: B) => Promise<object>;
}): ModelRoute {
  const { path, summary, body, answer, list: listOf, bytesOfCharacter, respond } = route;
  return {
    ...{ path, summary, body },
    answer: object({ ...answer, checkpoint: checkpointSchema }),
    measure: (given) => ({
      texts: listOf(given as B).length,
      bytes: memoryOf(given, bytesOfCharacter),
    }),
    respond: async (model, given) => ({
      ...(await respond(model, given as B)),
      checkpoint: checkpointNameOf(model),
    }),
  };
}

/** The last part of its directory's path. */
export function checkpointNameOf({ checkpoint }: Pick<TrainedModel, 'checkpoint'>): string {
  return checkpoint.split(/[\\/]/).filter(Boolean).at(-1) ?? checkpoint;
}

function predictRoute(model: TrainedModel, limits: RequestLimits): ModelRoute {
  const { target } = taskOf(model.config.task);
  const probabilities = {
    type: 'object',
    description: 'How likely each is.',
    additionalProperties: { type: 'number', minimum: 0, maximum: 1 },
  };
  const prediction =
    target === 'number'
      ? object({ value: number('The number of the text.') })
      : target === 'labels'
        ? object({ labels: list(text('A label of 0.5 and more.')), probabilities })
        : object({
            label: text('The likeliest class.'),
            probability: number('How likely that is.', { minimum: 0, maximum: 1 }),
            probabilities,
          });
  return defineRoute<{ texts: string[] }>({
    path: '/predict',
    summary: `Tells the ${target === 'number' ? 'number' : target === 'labels' ? 'labels' : 'class'} of each text`,
    body: object({ texts: list(text('A text.', MOST_CHARACTERS), limits.texts) }),
    answer: { predictions: list(prediction) },
    list: ({ texts }) => texts,
    respond: async (used, { texts }) => ({ predictions: await predictAll(used, texts) }),
  });
}

/** A sentence, as a tagger reads it. */
function sentenceSchema(model: TrainedModel, others: Record<string, JsonSchema> = {}): JsonSchema {
  const columns = columnsOf(model.features);
  const tokens = list(text('A token.', MOST_CHARACTERS_READ));
  const texts = list(text('A text of the column.', MOST_CHARACTERS_READ));
  return object({
    tokens,
    ...(columns.length > 0 && {
      columns: { ...list(texts), description: `Of each token: ${columns.join(', ')}.` },
    }),
    ...others,
  });
}

function tagRoute(model: TrainedModel, limits: RequestLimits): ModelRoute {
  const hasColumns = columnsOf(model.features).length > 0;
  const plain = list(text('A token.', MOST_CHARACTERS_READ));
  return defineRoute<{ sentences: Sentence[] }>({
    path: '/predict',
    summary: 'Tells the tag of each token of each sentence',
    body: object({ sentences: list(hasColumns ? sentenceSchema(model) : plain, limits.texts) }),
    answer: { predictions: list(object({ tags: list(text('The tag of a token.')) })) },
    list: ({ sentences }) => sentences,
    respond: async (used, { sentences }) => ({ predictions: await predictAll(used, sentences) }),
  });
}

function translateRoute(model: TrainedModel, limits: RequestLimits): ModelRoute {
  const translation = object({
    text: text('The translation.'),
    logProbability: number('Natural logarithm of its probability.'),
    score: number('What it was ranked by.'),
    isCut: { type: 'boolean', description: 'Whether it ends because it may be no longer.' },
  });
  interface Body {
    texts: string[];
    beam?: number;
    best?: number;
    maxLength?: number;
  }
  return defineRoute<Body>({
    path: '/translate',
    summary: 'Translates each text',
    body: object(
      {
        texts: list(text('A text.', MOST_CHARACTERS_READ), limits.texts),
        beam: whole('Texts that are followed at a time; 5 where absent.', 1, WIDEST_BEAM),
        best: whole('Translations of each text; 1 where absent.', 1, WIDEST_BEAM),
        maxLength: whole('Tokens of a translation, at most.', 0, model.config.data.maxLength),
      },
      ['texts'],
    ),
    answer: {
      translations: list({ ...list(translation), description: 'The best first.' }),
    },
    list: ({ texts }) => texts,
    respond: async (used, { texts, ...options }) => {
      const found = await used.translate(texts, options);
      return {
        translations: found.map(({ translations }) =>
          translations.map(({ text: written, logProbability, score, isCut }) => ({
            ...{ text: written, logProbability, score, isCut },
          })),
        ),
      };
    },
  });
}

function scoreRoute(model: TrainedModel, limits: RequestLimits): ModelRoute {
  const { call } = taskOf(model.config.task);
  const read = text('A text.', MOST_CHARACTERS_READ);
  const row: Record<typeof call, JsonSchema> = {
    generate: read,
    translate: object({ source: read, target: read }),
    tag: sentenceSchema(model, { tags: list(text('The tag of a token.')) }),
    classify: object({ text: text('A text.', MOST_CHARACTERS), label: text('A class.') }),
    regress: {},
  };
  const likelihood = object(
    {
      logProbability: number('Natural logarithm of its probability.'),
      tokens: list(
        object({ text: text('A token.'), logProbability: number('Of it, given those before.') }),
      ),
      unknown: whole('Words or characters that the model does not know.', 0, 2 ** 31),
      unread: whole('Tokens of the source that were not read.', 0, 2 ** 31),
    },
    ['logProbability', 'unknown'],
  );
  return defineRoute<{ rows: Scorable[] }>({
    path: '/score',
    summary: 'Tells how likely each row is',
    body: object({ rows: list(row[call], limits.texts) }),
    answer: { scores: list(likelihood) },
    list: ({ rows }) => rows,
    ...(call !== 'classify' && { bytesOfCharacter: BYTES_OF_SCORED_CHARACTER }),
    respond: async (used, { rows }) => {
      if (call === 'translate') expectUsualTargets(used, rows);
      return { scores: await used.score(rows) };
    },
  });
}

/**
 * A longer target has an engine of its own made, of a size that clients of a server are not to choose.
 *
 * @throws UserError for one that is longer than any of training
 */
function expectUsualTargets({ config, tokenizer }: TrainedModel, rows: readonly Scorable[]): void {
  const { maxLength } = config.data;
  rows.forEach((row, i) => {
    const target = typeof row === 'object' && 'target' in row ? row.target : '';
    const { length } = tokenizer.encode(target);
    if (length <= maxLength) return;
    throw new UserError(
      `row ${i}: expected a target of at most ${maxLength} tokens (data.maxLength), got one of ${length}`,
    );
  });
}
