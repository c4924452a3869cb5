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

/** What a validator finds wrong; of ajv. */
export interface SchemaFault {
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message?: string | undefined;
  /** The value that is at fault. */
  readonly data?: unknown;
}

/** One sentence about the first of them: `texts[3]: expected a text, got 5`. */
export function describeFault({
  instancePath,
  keyword,
  params,
  message,
  data,
}: SchemaFault): string {
  const place = instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((path, part) => {
      if (/^\d+$/.test(part)) return `${path}[${part}]`;
      return path === '' ? part : `${path}.${part}`;
    }, '');
  const within = place === '' ? '' : `${place}: `;
  switch (keyword) {
    case 'required':
      return `${within}${String(params['missingProperty'])}: missing`;
    case 'additionalProperties':
      return `${within}${String(params['additionalProperty'])}: unknown key`;
    case 'type':
      return `${within}expected ${typeNames[String(params['type'])] ?? String(params['type'])}, got ${show(data)}`;
    case 'maxItems':
      return `${within}expected at most ${String(params['limit'])}, got ${(data as unknown[]).length}`;
    case 'minItems':
      return `${within}expected at least ${String(params['limit'])}, got ${(data as unknown[]).length}`;
    case 'maxLength':
      return `${within}expected at most ${String(params['limit'])} characters`;
    case 'minimum':
    case 'maximum':
      return `${within}expected a number ${String(params['comparison'])} ${String(params['limit'])}, got ${show(data)}`;
    default:
      return `${within}${message ?? 'not as expected'}`;
  }
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'a text',
  array: 'a list',
  object: 'an object',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
};

function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  const shown = JSON.stringify(value);
  return shown.length > 60 ? `${shown.slice(0, 57)}...` : shown;
}

/** Sentences of the library begin with the call's name, which a client has not made: `tag: expected …`. */
export function toSentence(error: UserError): string {
  return error.sentences[0]!.replace(/^(?:classify|regress|tag|translate|score|generate): /, '');
}
