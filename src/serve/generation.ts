import { fillDrawing, USUAL_DRAWING } from '../decoding/usual-drawing.js';
import type { TrainedModel } from '../train/trained-model.js';
import { USUAL_LENGTH } from '../use/generation.js';
import { MOST_CHARACTERS_READ, type RequestLimits } from './routes.js';
import { memoryOf } from './memory.js';
import { type JsonSchema, number, object, text, whole } from './schemas.js';

/** What a language model writes, over HTTP: text as it is drawn, events, or an object when all of it is there. */

export interface GenerateBody {
  prompt?: string;
  length?: number;
  temperature?: number;
  topK?: number;
  seed?: number;
}

export const generateSummary =
  'Writes text: as a stream (text/plain), as server-sent events (Accept: text/event-stream), or at once (Accept: application/json)';

export function generateSchema({ length }: RequestLimits): JsonSchema {
  return object(
    {
      prompt: text(
        'Text to go on from; the beginning of a line where absent.',
        MOST_CHARACTERS_READ,
      ),
      length: whole(`Tokens to write; ${Math.min(length, USUAL_LENGTH)} where absent.`, 1, length),
      temperature: number(
        `Below 1 keeps to the likely, 0 takes the likeliest; ${USUAL_DRAWING.temperature} where absent.`,
        { minimum: 0, maximum: 100 },
      ),
      topK: whole('Draws among that many likeliest tokens; among all where 0 or absent.', 0, 1e9),
      seed: whole(
        `The same seed writes the same text; ${USUAL_DRAWING.seed} where absent.`,
        0,
        2 ** 32 - 1,
      ),
    },
    [],
  );
}

export const generatedSchema = object({
  text: text('What was written behind the prompt.'),
  checkpoint: text('Name of the checkpoint that has answered.'),
});

/** Bytes that a request takes, about: with its text it holds how likely each token of the vocabulary is. */
export function memoryOfGeneration(
  { tokenizer }: Pick<TrainedModel, 'tokenizer'>,
  body: unknown,
): number {
  return memoryOf(body) + tokenizer.vocabularySize * Float32Array.BYTES_PER_ELEMENT;
}

/** Pieces of text as they are drawn. */
export function generate(
  model: TrainedModel,
  body: GenerateBody,
  limits: RequestLimits,
): AsyncGenerator<string, void, undefined> {
  const { prompt = '\n', length = Math.min(limits.length, USUAL_LENGTH) } = body;
  return model.generate({ prompt, length, ...fillDrawing(body) });
}

export type Layout = 'text' | 'events' | 'json';

/** What a client wants, by its Accept header: the first that is named of those there are. */
export function layoutOf(accept: string | undefined): Layout {
  for (const name of (accept ?? '').split(',')) {
    const type = name.split(';')[0]!.trim().toLowerCase();
    if (type === 'text/event-stream') return 'events';
    if (type === 'application/json') return 'json';
    if (type === 'text/plain') return 'text';
  }
  return 'text';
}

/** A server-sent event, whose data is JSON: text may have ends of lines. */
export function formatEvent(data: unknown, event?: string): string {
  return `${event === undefined ? '' : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`;
}
