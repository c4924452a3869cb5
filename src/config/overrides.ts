import { parseDocument } from 'yaml';
import { UserError } from '../errors.js';
import { describeValue, formatPath, type KeyPath } from './expectation.js';

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
  const document = parseDocument(source, { prettyErrors: false, logLevel: 'error' });
  const [error] = [...document.errors, ...document.warnings];
  if (error !== undefined) {
    throw new UserError(`--set ${text}: the value is not valid YAML: ${error.message}`);
  }
  const path = text.slice(0, equals).split('.').map(parsePart);
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
 * into a command line: a glob (`*.csv`, `{a,b}.csv`), standard input (`-`), a delimiter (`|`, a tab).
 */
function meansItself(given: string): boolean {
  return /^(?:-$|\t|[*&!|>@`%#,]|\[.*[^\]\s]\s*$|\{.*[^}\s]\s*$)/s.test(given);
}

function parsePart(part: string): string | number {
  return /^\d+$/.test(part) ? Number(part) : part;
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
    if (typeof part === 'number' && (container == null || Array.isArray(container))) {
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
    throw new UserError(
      `--set ${override.text}: expected ${where} to be a ${typeof part === 'number' ? 'list' : 'group of keys'}, got ${describeValue(container)}`,
    );
  };
  return place(config, 0);
}
