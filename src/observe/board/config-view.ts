import { isDeepStrictEqual } from 'node:util';
import { formatPath, schemaAt, valueAt, type KeyPath } from '../../config/expectation.js';
import { configJsonSchema } from '../../config/json-schema.js';
import { resolveConfig, type NamedConfig } from '../../config/load.js';
import type { ConfigInput } from '../../config/schema.js';
import { UserError } from '../../errors.js';
import type { ConfigEntry } from './wire.js';

/**
 * The keys of a complete config, each with the value that it has by default: what the schema says, or, where a config as
 * short as it may be has one there, that.
 */
export function compareWithDefaults(config: NamedConfig): ConfigEntry[] {
  const bare = resolveBare(config);
  return [...listLeaves([], config)].map(({ path, value }) => {
    const schema = schemaAt(configJsonSchema(), path, config) ?? {};
    const { description } = schema;
    // Some defaults are written shorter than they are resolved to.
    const isAlike = Array.isArray(value) === Array.isArray(schema.default);
    const isSaid = schema.default !== undefined && isAlike;
    const usual = isSaid ? schema.default : isGiven(path) ? undefined : valueAt(bare, path);
    return {
      ...{ key: formatPath(path), value, differs: !isDeepStrictEqual(value, usual) },
      ...(usual !== undefined && { default: usual }),
      ...(description !== undefined && { description }),
    };
  });
}

/** Whether every config has to say it. */
function isGiven([first, second]: KeyPath): boolean {
  return first === 'task' || (first === 'data' && second === 'train');
}

/** What becomes of a config that says no more than what is learned from which files. */
function resolveBare({ task, data }: NamedConfig): unknown {
  try {
    const bare = { task, data: { train: data.train } };
    return resolveConfig(JSON.parse(JSON.stringify(bare)) as ConfigInput);
  } catch (error) {
    // Some have to say more; then what the schema says has to do.
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

function* listLeaves(path: KeyPath, value: unknown): Generator<{ path: KeyPath; value: unknown }> {
  if (!isGroup(value)) {
    yield { path, value };
    return;
  }
  for (const [key, inner] of Object.entries(value)) {
    if (path.length === 0 && key === 'name') continue;
    yield* listLeaves([...path, Array.isArray(value) ? Number(key) : key], inner);
  }
}

/** A group of keys, or a list of groups. */
function isGroup(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  return !Array.isArray(value) || (value.length > 0 && value.every(isGroup));
}
