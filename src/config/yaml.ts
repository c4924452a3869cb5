import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
} from 'yaml';
import { UserError } from '../errors.js';
import { describeValue, type KeyPath } from './expectation.js';

/** Turns an offset in a config's text into `file:line:column`. */
export type Locate = (offset: number) => string;

/** A config file's YAML: what it says, and where. */
export interface ConfigDocument {
  readonly value: unknown;
  readonly document: Document.Parsed;
  readonly locate: Locate;
}

/**
 * What a key is called where the schema of YAML sees something else in it: the class `01` is not the class `1`, nor `True`
 * the class `true`. Undefined for keys that are text already, or no single word.
 */
function nameOfKey(key: unknown): string | undefined {
  if (!isScalar(key) || key.type !== 'PLAIN' || key.tag !== undefined) return undefined;
  const isText = typeof key.value === 'string' || typeof key.value === 'symbol';
  return isText || !key.source ? undefined : key.source;
}

/** For the parser: keys that are written alike are one. */
export function isSameKey(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  return isScalar(a) && isScalar(b) && (nameOfKey(a) ?? a.value) === (nameOfKey(b) ?? b.value);
}

/** Where a column is named, or its number given; lists add nothing to a path. */
const columnPaths: readonly string[] = [
  ...['data.text', 'data.label', 'data.source', 'data.target'],
  'model.features.column',
];

/** Where a file is named; a number of `data.validation` or `data.test` itself is a fraction, but in a list of files none. */
const filePaths: readonly string[] = [
  'data.train',
  ...['train', 'validation', 'test'].flatMap((split) =>
    ['path', 'source', 'target'].map((key) => `data.${split}.${key}`),
  ),
  ...['data.tokenizer.file', 'data.sourceTokenizer.file', 'data.storeDir'],
];
const fileLists: readonly string[] = [...filePaths, 'data.validation', 'data.test'];

/**
 * Has every key of a document mean its own text, every name of a file, and every name of a column, which no number is that is written
 * otherwise than numbers are: `01` is not the first column, nor the field `1`.
 *
 * @param above Where the document's own value stands in a config.
 */
export function nameWords(document: Document.Parsed, above: KeyPath = []): void {
  const outer = above.filter((part) => typeof part === 'string');
  nameColumn(outer, document.contents);
  nameFile(outer, document.contents, typeof above.at(-1) === 'number');
  visit(document, {
    Scalar(place, node, path) {
      if (place === 'key') return;
      const keys = path.filter(isPair).map((pair) => pair.key);
      nameFile([...outer, ...keys.flatMap(nameOfPart)], node, typeof place === 'number');
    },
    Pair(_index, { key, value }, path) {
      const word = nameOfKey(key);
      if (word !== undefined && isScalar(key)) key.value = word;
      const keys = [...path.filter(isPair).map((pair) => pair.key), key];
      nameColumn([...outer, ...keys.flatMap(nameOfPart)], value);
    },
  });
}

/** What `<<` takes over stands where it does. */
function nameOfPart(key: unknown): string[] {
  if (!isScalar(key)) return [''];
  return typeof key.value === 'symbol' ? [] : [String(key.value)];
}

function nameColumn(path: readonly string[], value: unknown): void {
  if (!isScalar(value) || typeof value.value !== 'number') return;
  if (!columnPaths.includes(path.join('.'))) return;
  const word = nameOfKey(value);
  if (word !== undefined && word !== String(value.value)) value.value = word;
}

function nameFile(path: readonly string[], value: unknown, isInList: boolean): void {
  if (!isScalar(value) || typeof value.value !== 'number') return;
  if (!(isInList ? fileLists : filePaths).includes(path.join('.'))) return;
  value.value = nameOfKey(value) ?? value.value;
}

/** Groups and lists inside one another, beyond any config; a parser's stack is no deeper than that. */
const deepest = 100;

/**
 * Parses a config's text.
 * @param mayBeEmpty Where the keys come from elsewhere.
 * @throws UserError of one sentence for what is no YAML, or no group of keys.
 */
export function parseConfigText(
  text: string,
  fileName: string,
  mayBeEmpty: boolean,
): ConfigDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    merge: true,
    uniqueKeys: isSameKey,
    logLevel: 'error',
  });
  const locate: Locate = (offset) => {
    const { line, col } = lines.linePos(offset);
    return `${fileName}:${line}:${col}`;
  };
  // What a parser says after its first complaint is mostly a consequence of that.
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) {
    const { code, pos, message } = problem;
    const key = code === 'DUPLICATE_KEY' ? `: ${text.slice(pos[0]).split(/[\s:]/, 1).join()}` : '';
    const dash = /block-seq-ind|Block collections/.test(message)
      ? '; standard input is written "-", with quotation marks'
      : '';
    const isConfig = /^\s*["']?(?:task|data|model|train)\b/m.test(text);
    const doubt = isConfig ? '' : '; is this a config, with keys such as task, data and train?';
    throw new UserError(`${locate(pos[0])}: ${inWords[code] ?? message}${key}${dash}${doubt}`);
  }
  if (document.contents === null && mayBeEmpty) return { value: {}, document, locate };
  if (document.contents === null) {
    throw new UserError(
      `${fileName}: expected a config with at least the keys task and data, but the file is empty`,
    );
  }
  checkNodes(document, locate);
  nameWords(document);
  const value = readValue(document, fileName);
  if (!isMap(document.contents)) {
    throw new UserError(
      `${locate(document.contents.range[0])}: expected a config, that is a group of keys ` +
        `such as task, data and train, got ${describeValue(value)}`,
    );
  }
  return { value, document, locate };
}

const inWords: Partial<Record<string, string>> = {
  TAB_AS_INDENT: 'Tabs are not allowed as indentation: use spaces',
  MULTIPLE_DOCS: 'expected one YAML document, but "---" begins another',
  RESOURCE_EXHAUSTION: 'expected fewer groups and lists inside one another',
};

function checkNodes(document: Document.Parsed, locate: Locate): void {
  visit(document, {
    Node(_key, node, path) {
      const place = locate(node.range?.[0] ?? 0);
      if (path.length > 2 * deepest) {
        throw new UserError(`${place}: expected fewer groups and lists inside one another`);
      }
      if (isAlias(node) && node.resolve(document) === undefined) {
        throw new UserError(
          `${place}: *${node.source}: expected an anchor &${node.source} before it; ` +
            'a text that begins with * needs quotation marks',
        );
      }
    },
    Pair(_key, { key, value }) {
      if (isCollection(key)) {
        const place = locate(key.range?.[0] ?? 0);
        throw new UserError(`${place}: expected the name of a key, got a list`);
      }
      if (!isScalar(key) || typeof key.value !== 'symbol' || isMerged(value, document)) return;
      throw new UserError(
        `${locate(key.range?.[0] ?? 0)}: <<: expected a group of keys to take over, or *names of such; what is called "<<" needs quotation marks`,
      );
    },
  });
}

/** Whether a value can stand behind `<<`: groups of keys, one or a list of them. */
function isMerged(value: unknown, document: Document.Parsed): boolean {
  const isGroup = (node: unknown): boolean => isMap(isAlias(node) ? node.resolve(document) : node);
  const group = isAlias(value) ? value.resolve(document) : value;
  return isSeq(group) ? group.items.every(isGroup) : isGroup(group);
}

function readValue(document: Document.Parsed, fileName: string): unknown {
  try {
    return document.toJS() as unknown;
  } catch (error) {
    // Aliases that multiply beyond reason, or that lead back into themselves.
    if (!(error instanceof ReferenceError || error instanceof RangeError)) throw error;
    throw new UserError(`${fileName}: ${error.message}`, { cause: error });
  }
}

/** Where the key (or list entry) at `path` stands in the file, or else the group that lacks it. */
export function findNode(
  document: Document.Parsed,
  path: KeyPath,
): { offset: number; exact: boolean } {
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
