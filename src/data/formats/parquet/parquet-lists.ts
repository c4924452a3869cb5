import { DamagedParquet } from './parquet-checks.js';
import { listLeaves, type ParquetNode } from './parquet-schema.js';

/** Lists, maps and structs within them, put together from their columns, as JSON. */

/** One value of a column within a list, or that there is none, and where in the row it stands. */
export interface ListEntry {
  /** The level of the path that is repeated here; 0 begins a row. */
  readonly repetition: number;
  /** How many levels of the path are there; null the text unless all are. */
  readonly definition: number;
  readonly text: string | null;
}

/** Writes a column's value as JSON. */
export type WriteValue = (leaf: ParquetNode, text: string | null) => string;

/** Puts the values of one row together: of each leaf its entries of that row. */
export class ListWriter {
  readonly leaves: readonly ParquetNode[];
  readonly #write: (entries: readonly (readonly ListEntry[])[]) => string;

  constructor(node: ParquetNode, writeValue: WriteValue) {
    this.leaves = listLeaves(node);
    this.#write = chooseWriter(node, writeValue);
  }

  /** @throws DamagedParquet when the columns contradict each other. */
  write(entries: readonly (readonly ListEntry[])[]): string {
    return this.#write(entries);
  }
}

/** The entries of a group's leaves, in their order. */
type Entries = readonly (readonly ListEntry[])[];
type Writer = (entries: Entries) => string;

function chooseWriter(node: ParquetNode, writeValue: WriteValue): Writer {
  if (node.element.repetition_type === 'REPEATED') {
    return repeat(node, chooseContent(node, writeValue));
  }
  const list = findRepeated(node, 'LIST');
  const map = findRepeated(node, 'MAP') ?? findRepeated(node, 'MAP_KEY_VALUE');
  const write =
    list !== undefined
      ? repeat(list, chooseItem(node, list, writeValue))
      : map?.children.length === 2
        ? chooseMap(map, writeValue)
        : chooseContent(node, writeValue);
  return nullable(node, write);
}

/** The child of a list or map that holds its items. */
function findRepeated(node: ParquetNode, kind: string): ParquetNode | undefined {
  const { logical_type: logical, converted_type: converted } = node.element;
  const [child, ...others] = node.children;
  if ((logical?.type ?? converted) !== kind || others.length > 0) return undefined;
  return child?.element.repetition_type === 'REPEATED' ? child : undefined;
}

/** Old writers have no level between a list and its items. */
function chooseItem(list: ParquetNode, item: ParquetNode, writeValue: WriteValue): Writer {
  const name = item.path.at(-1)!;
  const isItself =
    item.children.length !== 1 || name === 'array' || name === `${list.path.at(-1)!}_tuple`;
  return isItself ? chooseContent(item, writeValue) : chooseWriter(item.children[0]!, writeValue);
}

/** Of keys that are there twice the last counts. */
function chooseMap(map: ParquetNode, writeValue: WriteValue): Writer {
  const [keys, values] = map.children.map((child) => chooseWriter(child, writeValue));
  const keyLeaves = listLeaves(map.children[0]!).length;
  return (entries) => {
    const members = new Map<string, string>();
    for (const item of split(map, entries)) {
      const key = keys!(item.slice(0, keyLeaves));
      members.set(key.startsWith('"') ? key : JSON.stringify(key), values!(item.slice(keyLeaves)));
    }
    return `{${Array.from(members, ([key, value]) => `${key}:${value}`).join(',')}}`;
  };
}

function chooseContent(node: ParquetNode, writeValue: WriteValue): Writer {
  if (node.children.length === 0) {
    return ([own]) => {
      if (own?.length !== 1) throw contradiction();
      return writeValue(node, own[0]!.text);
    };
  }
  let leaves = 0;
  const members = node.children.map((child) => {
    const first = leaves;
    leaves += listLeaves(child).length;
    const name = JSON.stringify(child.path.at(-1));
    return { name, first, end: leaves, write: chooseWriter(child, writeValue) };
  });
  return (entries) =>
    `{${members.map(({ name, first, end, write }) => `${name}:${write(entries.slice(first, end))}`).join(',')}}`;
}

function nullable(node: ParquetNode, write: Writer): Writer {
  if (node.element.repetition_type === 'REQUIRED') return write;
  return (entries) => (isThere(node, entries) ? write(entries) : 'null');
}

function repeat(node: ParquetNode, write: Writer): Writer {
  return (entries) => `[${split(node, entries).map(write).join(',')}]`;
}

function isThere({ maxDefinition }: ParquetNode, entries: Entries): boolean {
  const there = entries.map(([first]) => first !== undefined && first.definition >= maxDefinition);
  if (there.includes(!there[0])) throw contradiction();
  return there[0]!;
}

/** The entries of each item. */
function split(node: ParquetNode, entries: Entries): Entries[] {
  if (!isThere(node, entries)) return [];
  const items = entries.map((own) => splitWhere(own, (each) => each <= node.maxRepetition));
  const count = items[0]!.length;
  if (items.some((each) => each.length !== count)) throw contradiction();
  return Array.from({ length: count }, (_, i) => items.map((each) => each[i]!));
}

/** Cuts a row's entries before each whose level of repetition begins a part. */
export function splitWhere(
  entries: readonly ListEntry[],
  begins: (repetition: number) => boolean,
): ListEntry[][] {
  const parts: ListEntry[][] = [];
  for (const entry of entries) {
    if (parts.length === 0 || begins(entry.repetition)) parts.push([]);
    parts.at(-1)!.push(entry);
  }
  return parts;
}

function contradiction(): DamagedParquet {
  return new DamagedParquet('the columns of a list contradict each other');
}
