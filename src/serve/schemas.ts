import type { UserError } from '../errors.js';

/** JSON Schemas: they check the requests, and stand in the OpenAPI document. */
export type JsonSchema = Readonly<Record<string, unknown>>;

export function object(
  properties: Readonly<Record<string, JsonSchema>>,
  required: readonly string[] = Object.keys(properties),
): JsonSchema {
  return { type: 'object', properties, required, additionalProperties: false };
}

export function list(items: JsonSchema, most?: number): JsonSchema {
  return { type: 'array', items, ...(most !== undefined && { minItems: 1, maxItems: most }) };
}

export function text(description: string, mostCharacters?: number): JsonSchema {
  return {
    type: 'string',
    description,
    ...(mostCharacters !== undefined && { maxLength: mostCharacters }),
  };
}

export function number(description: string, bounds: JsonSchema = {}): JsonSchema {
  return { type: 'number', description, ...bounds };
}

export function whole(description: string, minimum: number, maximum: number): JsonSchema {
  return { type: 'integer', description, minimum, maximum };
}

export const errorSchema = object({ error: text('What is wrong, in a sentence.') });

/** Sentences of the library begin with the call's name, which a client has not made: `tag: expected …`. */
export function toSentence(error: UserError): string {
  return error.sentences[0]!.replace(/^(?:classify|regress|tag|translate|score|generate): /, '');
}
