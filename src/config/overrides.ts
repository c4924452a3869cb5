import { parseDocument } from 'yaml';
import { UserError } from '../errors.js';
import {
  describeValue,
  formatPath,
  type KeyPath,
  listAlternatives,
  schemaAt,
} from './expectation.js';
import { configJsonSchema } from './json-schema.js';
import { isSameKey, nameWords } from './yaml.js';

/** One `--set key=value` of the command line. */
export interface Override {
  /** As the user wrote it. */
  text: string;
  path: KeyPath;
  value: unknown;
}

/**
 * Reads `a.b=value`, where the value is YAML (`32`, `null`, `[a, b]`, `{kind: char}`).
 * @throws UserError when there is no `=` or the value is not YAML.
 */
export function parseOverride(text: string): Override {
  const equals = text.indexOf('=');
  if (equals <= 0) {
    throw new UserError(`--set ${text}: expected key=value, for example train.batchSize=64`);
  }
  const given = text.slice(equals + 1);
  const source = meansItself(given) ? JSON.stringify(given) : given;
  const document = parseDocument(source, {
    prettyErrors: false,
    logLevel: 'error',
    uniqueKeys: isSameKey,
  });
  const [error] = [...document.errors, ...document.warnings];
  if (error !== undefined) {
    throw new UserError(`--set ${text}: the value is not valid YAML: ${error.message}`);
  }
  const path = text.slice(0, equals).split('.').map(parsePart);
  nameWords(document, path);
  try {
    return { text, path, value: document.toJS() as unknown };
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    throw new UserError(`--set ${text}: ${error.message}; quote what begins with *`, {
      cause: error,
    });
  }
}

/**
 * Whether a value is text though YAML would see the start of something else in it, which nobody writes
 * into a command line: a glob (`*.csv`, `{a,b}.csv`), standard input (`-`), a delimiter (`|`, a tab, a blank), a name with a blank
 * and a `#` in it, behind which YAML sees a comment.
 */
function meansItself(given: string): boolean {
  return /^(?:-$|\t|\s+$|[*&!|>@`%#,]|[^[{"'].*\s#|\[.*[^\]\s]\s*$|\{.*[^}\s]\s*$)/s.test(given);
}

function parsePart(part: string): string | number {
  return /^(?:0|[1-9]\d*)$/.test(part) ? Number(part) : part;
}

/**
 * A copy of `config` with the override's value in place; what lies beside the path is shared.
 * Groups on the way that do not exist are made.
 * @throws UserError when the path leads through something that has no keys.
 */
export function applyOverride(config: unknown, override: Override): unknown {
  const place = (container: unknown, depth: number): unknown => {
    const part = override.path[depth];
    if (part === undefined) return override.value;
    const where = formatPath(override.path.slice(0, depth));
    const schema = schemaAt(configJsonSchema(), override.path.slice(0, depth), config) ?? {};
    const alternatives = listAlternatives(schema);
    const takesNames = alternatives.some(({ additionalProperties }) => additionalProperties);
    const isIndex = Array.isArray(container) || (container == null && !takesNames);
    if (typeof part === 'number' && isIndex) {
      const list = [...((container ?? []) as unknown[])];
      if (part > list.length) {
        throw new UserError(
          `--set ${override.text}: expected an index up to ${list.length} in ${where}, got ${part}`,
        );
      }
      list[part] = place(list[part], depth + 1);
      return list;
    }
    if (container == null || (typeof container === 'object' && !Array.isArray(container))) {
      const group = (container ?? {}) as Record<string, unknown>;
      const inner = Object.hasOwn(group, part) ? group[part] : undefined;
      // A computed key makes an own property even of "__proto__", which the schema then refuses.
      return { ...group, [part]: place(inner, depth + 1) };
    }
    const mayBeGroup = takesNames || alternatives.some(({ properties }) => properties?.[part]);
    const advice = mayBeGroup
      ? `: give the whole group, as ${where}={…, ${nested(override, depth)}}`
      : '';
    throw new UserError(
      `--set ${override.text}: expected ${where} to be a ${typeof part === 'number' && !takesNames ? 'list' : 'group of keys'}, got ${describeValue(container)}${advice}`,
    );
  };
  return place(config, 0);
}

/** What an override says below some depth of its path, as YAML: "tied: true". */
function nested({ text, path }: Override, depth: number): string {
  const value = text.slice(text.indexOf('=') + 1);
  const keys = path.slice(depth).map(String);
  return keys
    .slice(0, -1)
    .reduceRight((inner, key) => `${key}: {${inner}}`, `${keys.at(-1)!}: ${value}`);
}
