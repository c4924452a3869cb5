import { readFile } from 'node:fs/promises';
import { parse as parsePath } from 'node:path';
import {
  type Document,
  isAlias,
  isMap,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  stringify,
  visit,
} from 'yaml';
import { UserError } from '../errors.js';
import { formatPath, type KeyPath } from './expectation.js';
import { applyOverride, type Override, parseOverride } from './overrides.js';
import { checkTogether, describeIssues, type Problem } from './problems.js';
import { type Config, configSchema } from './schema.js';

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
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason =
      code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code ?? String(error)})`;
    throw new UserError(`${path}: expected a config file, but ${reason}`, { cause: error });
  }
  return parseConfig(text, path, overrides);
}

/** Like `loadConfig`, for a text at hand; `fileName` stands in messages and gives the name. */
export function parseConfig(
  text: string,
  fileName: string,
  overrides: readonly string[] = [],
): NamedConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });
  const locate = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${fileName}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    throw new UserError(
      document.errors
        .map(({ code, pos: [offset], message }) => {
          const key =
            code === 'DUPLICATE_KEY' ? `: ${text.slice(offset).split(/[\s:]/, 1).join()}` : '';
          return `${locate(offset)}: ${message}${key}`;
        })
        .join('\n'),
    );
  }

  const given = overrides.map(parseOverride);
  const value = given.reduce(applyOverride, readValue(document, fileName, locate) ?? {});
  const parsed = configSchema.safeParse(value);
  const problems = parsed.success
    ? checkTogether(parsed.data)
    : describeIssues(parsed.error.issues, value);
  if (problems.length > 0 || !parsed.success) {
    throw new UserError(reportProblems(problems, document, given, locate));
  }
  const { name = nameAfter(fileName), ...rest } = parsed.data;
  return freezeDeep({ name, ...rest });
}

/** The resolved configuration as YAML; `parseConfig` reads it back to an equal one. */
export function formatConfig(config: Config): string {
  return stringify(config, { aliasDuplicateObjects: false });
}

function readValue(
  document: Document.Parsed,
  fileName: string,
  locate: (offset: number) => string,
): unknown {
  visit(document, {
    Alias(_key, alias) {
      if (alias.resolve(document) !== undefined) return;
      throw new UserError(
        `${locate(alias.range![0])}: *${alias.source}: expected an anchor &${alias.source} before it; ` +
          'a text that begins with * needs quotation marks',
      );
    },
  });
  try {
    return document.toJS() as unknown;
  } catch (error) {
    // An alias without its anchor, or aliases that multiply beyond reason.
    if (!(error instanceof ReferenceError)) throw error;
    throw new UserError(`${fileName}: ${error.message}`, { cause: error });
  }
}

/** One line a problem, those of the file in its order, then those of the overrides. */
function reportProblems(
  problems: readonly Problem[],
  document: Document.Parsed,
  overrides: readonly Override[],
  locate: (offset: number) => string,
): string {
  return problems
    .map(({ path, message }) => {
      const place = findNode(document, path);
      const override = overrides.findLast(
        (each) => startsWith(path, each.path) || (!place.exact && startsWith(each.path, path)),
      );
      const key = path.length === 0 ? '' : `${formatPath(path)}: `;
      return override === undefined
        ? { order: place.offset, line: `${locate(place.offset)}: ${key}${message}` }
        : { order: Infinity, line: `--set ${override.text}: ${key}${message}` };
    })
    .sort((a, b) => (a.order === b.order ? 0 : a.order - b.order))
    .map(({ line }) => line)
    .join('\n');
}

function startsWith(path: KeyPath, prefix: KeyPath): boolean {
  return prefix.every((part, depth) => path[depth] === part);
}

/** Where the key (or list entry) at `path` stands in the file, or else the group that lacks it. */
function findNode(document: Document.Parsed, path: KeyPath): { offset: number; exact: boolean } {
  let node: Node | null | undefined = document.contents;
  let offset = node?.range?.[0] ?? 0;
  for (const part of path) {
    if (isAlias(node)) node = node.resolve(document);
    let place: Node | null | undefined;
    if (isSeq<Node>(node) && typeof part === 'number') {
      place = node = node.items[part];
    } else if (isMap<Node, Node | null>(node)) {
      const pair: Pair<Node, Node | null> | undefined = node.items.find(
        ({ key }) => String(key) === String(part),
      );
      place = pair?.key;
      node = pair?.value;
    }
    if (place?.range == null) return { offset, exact: false };
    offset = place.range[0];
  }
  return { offset, exact: true };
}

function nameAfter(fileName: string): string {
  const name = parsePath(fileName)
    .name.replaceAll(/[^\w.-]+/g, '-')
    .replace(/^[.-]+/, '');
  return name === '' ? 'run' : name;
}

function freezeDeep<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(freezeDeep);
  }
  return value;
}
