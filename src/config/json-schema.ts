import * as z from 'zod';
import { otherWords } from './model-schema.js';
import { configSchema } from './schema.js';

/** The part of JSON Schema that the configuration's schema uses. */
export interface SchemaNode {
  type?: string;
  description?: string;
  properties?: Record<string, SchemaNode>;
  /** Of keys that have no names of their own; false where there are none. */
  additionalProperties?: SchemaNode | false;
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

/** JSON Schema of a config file, as editors use it for completion and checks: what occurs more than once stands in its `$defs`. */
function makeJsonSchema(): SchemaNode & Definitions {
  const schema = z.toJSONSchema(configSchema, {
    io: 'input',
    override({ zodSchema, jsonSchema: node }) {
      // What a schema makes other keys of is nothing that JSON Schema could find there.
      const words = otherWords.get(zodSchema);
      if (words) Object.assign(node.properties!, words);
    },
  });
  return schema as SchemaNode & Definitions;
}

let linkedSchema: SchemaNode | undefined;

/**
 * The same with every reference in place of what it refers to: a block may lie within itself without end. Made where it is
 * first asked for: only a config with a mistake in it needs it, and it takes a tenth of the program's start.
 */
export function configJsonSchema(): SchemaNode {
  return (linkedSchema ??= linkReferences(makeJsonSchema()));
}

interface Definitions {
  $defs?: Record<string, SchemaNode>;
}

function linkReferences(root: SchemaNode & Definitions): SchemaNode {
  const linked = new Map<object, unknown>();
  const link = (node: unknown): unknown => {
    if (typeof node !== 'object' || node === null) return node;
    const found = linked.get(node);
    if (found !== undefined) return found;
    if (Array.isArray(node)) return node.map(link);
    const { $ref, ...rest } = node as SchemaNode & { $ref?: string };
    const meant = $ref && link(root.$defs?.[$ref.slice('#/$defs/'.length)]);
    if (meant && Object.keys(rest).length === 0) return meant;
    const copy = {};
    linked.set(node, copy);
    const own = Object.entries(rest).map(([key, value]) => [key, link(value)] as const);
    return Object.assign(copy, meant, Object.fromEntries(own));
  };
  return link(root) as SchemaNode;
}

/** What `lockstep schema` prints and configs/schema.json holds. */
export function formatJsonSchema(): string {
  return `${JSON.stringify(makeJsonSchema(), null, 2)}\n`;
}
