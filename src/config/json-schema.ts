import { z } from 'zod';
import { configSchema } from './schema.js';

/** The part of JSON Schema that the configuration's schema uses. */
export interface SchemaNode {
  type?: string;
  description?: string;
  properties?: Record<string, SchemaNode>;
  items?: SchemaNode;
  anyOf?: SchemaNode[];
  /** Variants told apart by the constant in their `kind`. */
  oneOf?: SchemaNode[];
  const?: unknown;
  default?: unknown;
  enum?: unknown[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  minLength?: number;
  minItems?: number;
}

/** JSON Schema of a config file, as editors use it for completion and checks. */
export const configJsonSchema = z.toJSONSchema(configSchema, { io: 'input' }) as SchemaNode;

/** What `lockstep schema` prints and configs/schema.json holds. */
export function formatJsonSchema(): string {
  return `${JSON.stringify(configJsonSchema, null, 2)}\n`;
}
