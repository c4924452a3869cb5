import { parse as parsePath } from 'node:path';
import { type Document, stringify } from 'yaml';
import { UserError } from '../errors.js';
import { readConfigText } from './config-text.js';
import { formatPath, type KeyPath } from './expectation.js';
import { applyOverride, type Override, parseOverride } from './overrides.js';
import { keepPlaces } from './places.js';
import type { Problem } from './problem.js';
import { checkTogether, describeIssues } from './problems.js';
import { type Config, type ConfigInput, configSchema } from './schema.js';
import { findNode, type Locate, parseConfigText } from './yaml.js';
import { freezeDeep } from '../system/freeze-deep.js';

/** A configuration with its name settled. */
export type NamedConfig = Config & { readonly name: string };

/**
 * Reads a YAML config file: defaults < file < overrides (`train.batchSize=64`), deep-frozen.
 * @throws UserError listing every problem, one a line: `file:line:column: key: expected …, got …`.
 */
export async function loadConfig(
  path: string,
  overrides: readonly string[] = [],
): Promise<NamedConfig> {
  return parseConfig(await readConfigText(path), path, overrides);
}

/** Like `loadConfig`, for a text at hand; `fileName` stands in messages and gives the name. */
export function parseConfig(
  text: string,
  fileName: string,
  overrides: readonly string[] = [],
): NamedConfig {
  const given = overrides.map(parseOverride);
  const { value: written, document, locate } = parseConfigText(text, fileName, given.length > 0);
  const value = given.reduce(applyOverride, written);
  const find = (path: KeyPath) => findPlace(path, document, given, locate);
  const config = complete(value, nameAfter(fileName), (problems) => reportProblems(problems, find));
  keepPlaces(config, (path) => find(path).place);
  return config;
}

/**
 * Like `parseConfig`, for an object: what a config file would say. One that is complete already stays as it is.
 *
 * @throws UserError listing every problem, one a line: `config: key: expected …, got …`.
 */
export function resolveConfig(config: ConfigInput): NamedConfig {
  return complete(config, 'run', (problems) =>
    problems.map(
      ({ path, message }) =>
        `config: ${path.length === 0 ? '' : `${formatPath(path)}: `}${message}`,
    ),
  );
}

/** Checks a configuration and fills in its defaults. */
function complete(
  value: unknown,
  defaultName: string,
  report: (problems: readonly Problem[]) => string[],
): NamedConfig {
  const parsed = configSchema.safeParse(value);
  const problems = parsed.success
    ? [...listLost(value), ...checkTogether(parsed.data)]
    : describeIssues(parsed.error.issues, value);
  if (problems.length > 0 || !parsed.success) throw new UserError(report(problems));
  const { name = defaultName, ...rest } = parsed.data;
  return freezeDeep({ name, ...rest });
}

/** Names of classes that the schema leaves out without a word, since every object has something of that name. */
function listLost(value: unknown, path: KeyPath = []): Problem[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === '__proto__'
      ? [
          {
            path: [...path, key],
            message: 'expected a name of another kind: this one has no weight',
          },
        ]
      : listLost(inner, [...path, key]),
  );
}

/** The resolved configuration as YAML; `parseConfig` reads it back to an equal one. */
export function formatConfig(config: Config): string {
  // The older YAML has quotation marks around more words: "<<" would take over another group's keys.
  return stringify(config, { aliasDuplicateObjects: false, compat: 'yaml-1.1' });
}

/** One sentence a problem, those of the file in its order, then those of the overrides. */
function reportProblems(
  problems: readonly Problem[],
  find: (path: KeyPath) => { order: number; place: string },
): string[] {
  const lines = problems
    .map(({ path, message }) => {
      const { order, place } = find(path);
      const key = path.length === 0 ? '' : `${formatPath(path)}: `;
      return { order, line: `${place}: ${key}${message}` };
    })
    .sort((a, b) => (a.order === b.order ? 0 : a.order - b.order))
    .map(({ line }) => line);
  // A value may break several rules, of which one sentence tells.
  return Array.from(new Set(lines));
}

/** Where a key was set: in the file, or behind all of it by an override. */
function findPlace(
  path: KeyPath,
  document: Document.Parsed,
  overrides: readonly Override[],
  locate: Locate,
): { order: number; place: string } {
  const { offset, exact } = findNode(document, path);
  const override = overrides.findLast(
    (each) => startsWith(path, each.path) || (!exact && startsWith(each.path, path)),
  );
  return override === undefined
    ? { order: offset, place: locate(offset) }
    : { order: Infinity, place: `--set ${override.text}` };
}

function startsWith(path: KeyPath, prefix: KeyPath): boolean {
  return prefix.every((part, depth) => String(path[depth]) === String(part));
}

function nameAfter(fileName: string): string {
  const name = parsePath(fileName)
    .name.replaceAll(/[^\w.-]+/g, '-')
    .replace(/^[.-]+/, '');
  return name === '' ? 'run' : name;
}
