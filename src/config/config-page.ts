import { TASKS, taskOf, type TaskKind } from '../tasks/registry.js';
import { configJsonSchema, type SchemaNode } from './json-schema.js';
import { type NamedConfig, resolveConfig } from './load.js';

/** The page docs/config.md: every key of a config, from the schema that configs are checked by. */

type Node = SchemaNode & { required?: readonly string[]; pattern?: string; maxLength?: number };

interface Section {
  /** Of the group: `data`, `train.optimizer`. */
  readonly path: string;
  readonly title: string;
  readonly node: Node;
}

export function formatConfigPage(): string {
  const root: Node = configJsonSchema();
  return [
    '# Config files',
    '',
    'Every key of a config, its type, its default and what it means. This page is made of the schema that configs are checked by,',
    'which `lockstep schema` prints for editors. `lockstep init` writes a config for data of your own; `configs/` has recipes with',
    'the reason beside each number. A key may be changed on the command line: `--set train.batchSize=64`.',
    '',
    ...new Page().write(root),
  ].join('\n');
}

class Page {
  readonly #lines: string[] = [];
  /** Variants that have been told of, by what they are called: some lie within themselves. */
  readonly #told = new Map<string, string>();

  write(root: Node): string[] {
    const sections: Section[] = [{ path: '', title: 'The file', node: root }];
    for (let section; (section = sections.shift()) !== undefined;) {
      this.#lines.push(`## ${section.title}`, '');
      if (section.node.description && section.path !== '') {
        this.#lines.push(section.node.description, '');
      }
      sections.unshift(...this.#listKeys(section));
    }
    return this.#lines;
  }

  /** A line a key; gives the groups of keys among them. */
  #listKeys({ path, node }: Section): Section[] {
    const inner: Section[] = [];
    for (const [key, value] of Object.entries(node.properties ?? {}) as [string, Node][]) {
      const place = path === '' ? key : `${path}.${key}`;
      const { type, groups } = this.#describe(value, place);
      inner.push(...groups);
      const isNeeded = node.required?.includes(key) === true && value.default === undefined;
      const usual = value.default === undefined ? usualValue(place, value) : value.default;
      const isGroup = groups.length > 0 && isEmpty(usual);
      const told = isNeeded
        ? ', required'
        : usual === undefined || isGroup
          ? ''
          : `, default ${code(usual)}`;
      const meaning = value.description === undefined ? '' : `: ${value.description}`;
      this.#lines.push(`- \`${key}\` (${type}${told})${meaning}`);
    }
    this.#lines.push('');
    return inner;
  }

  /** What a value may be, and the groups of keys that it may be. */
  #describe(node: Node, path: string): { type: string; groups: Section[] } {
    const variants = node.oneOf ?? node.anyOf;
    if (variants !== undefined) return this.#describeVariants(variants, path);
    if (node.const !== undefined) return { type: code(node.const), groups: [] };
    if (node.enum !== undefined) return { type: node.enum.map(code).join(', '), groups: [] };
    if (node.type === 'array') {
      const { type, groups } = this.#describe(node.items ?? {}, `${path}[]`);
      return { type: `list of: ${type}`, groups };
    }
    if (node.properties !== undefined) {
      const keys = Object.keys(node.properties).join();
      const known = this.#told.get(keys);
      const title = `\`${known ?? path}\``;
      this.#told.set(keys, known ?? path);
      return {
        type: link(title, 'keys'),
        groups: known === undefined ? [{ path, title, node }] : [],
      };
    }
    const values = node.additionalProperties;
    if (typeof values === 'object') {
      const { type, groups } = this.#describe(values, `${path}.*`);
      return { type: `names, each with: ${type}`, groups };
    }
    const range = describeRange(node);
    const name = { integer: 'whole number', string: 'text', boolean: '`true`, `false`' }[
      node.type ?? ''
    ];
    return { type: `${name ?? node.type ?? 'any'}${range}`, groups: [] };
  }

  #describeVariants(variants: readonly Node[], path: string): { type: string; groups: Section[] } {
    const kinds = variants.map(kindOf);
    const named = kinds.filter((kind) => kind !== undefined);
    const called = named.join(' ');
    const known = named.length > 1 ? this.#told.get(called) : undefined;
    if (named.length > 1 && known === undefined) this.#told.set(called, path);
    const types: string[] = [];
    const groups: Section[] = [];
    for (const [i, variant] of variants.entries()) {
      const kind = kinds[i];
      if (variant.properties === undefined || kind === undefined) {
        const { type, groups: inner } = this.#describe(variant, path);
        types.push(type);
        groups.push(...inner);
        continue;
      }
      const title = `\`${known ?? path}\` with \`kind: ${kind}\``;
      types.push(link(title, `kind: ${kind}`));
      if (known === undefined) groups.push({ path, title, node: variant });
    }
    return { type: Array.from(new Set(types)).join(' or '), groups };
  }
}

/** The constant by which a variant is told. */
function kindOf({ properties }: Node): string | undefined {
  const kind = properties?.['kind']?.const ?? properties?.['kind']?.default;
  return typeof kind === 'string' ? kind : undefined;
}

function describeRange(node: Node): string {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = node;
  // Whole numbers that JavaScript has no more of are no limit that anybody meets.
  const isBound = (value: number | undefined): value is number =>
    value !== undefined && Math.abs(value) < Number.MAX_SAFE_INTEGER;
  const least = isBound(minimum)
    ? `from ${minimum}`
    : isBound(exclusiveMinimum)
      ? `above ${exclusiveMinimum}`
      : '';
  const most = isBound(maximum)
    ? `to ${maximum}`
    : isBound(exclusiveMaximum)
      ? `below ${exclusiveMaximum}`
      : '';
  const range = [least, most].filter((part) => part !== '').join(' ');
  return range === '' ? '' : ` ${range}`;
}

/** A default that the JSON Schema lacks, of a key that does not say itself what it is by default. */
function usualValue(path: string, { description = '' }: Node): unknown {
  if (description.includes('by default') || path.includes('[]')) return undefined;
  const [value, ...others] = new Set(TASKS.map((task) => valueOf(bareConfig(task), path)));
  // What is another one for each task is none that could be named.
  return others.length > 0 || (typeof value === 'object' && value !== null) ? undefined : value;
}

/** All that follows from a task. */
function bareConfig(task: TaskKind): NamedConfig {
  const isOfPairs = taskOf(task).gives === 'pairs';
  const train = isOfPairs ? { source: 'rows.txt', target: 'targets.txt' } : 'rows.txt';
  return resolveConfig({ task, data: { train } });
}

function valueOf(config: unknown, path: string): unknown {
  let value = config;
  for (const key of path.split('.')) value = (value as Record<string, unknown> | undefined)?.[key];
  return value;
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

function code(value: unknown): string {
  return `\`${JSON.stringify(value)}\``;
}

/** A link to a heading of this page, as GitHub names it. */
function link(title: string, shown: string): string {
  const anchor = title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
    .replaceAll(' ', '-');
  return `[${shown}](#${anchor})`;
}
