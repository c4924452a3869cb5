import {
  type Document,
  isAlias,
  isCollection,
  isMap,
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

/** Has every key of a document mean its own text. */
export function nameKeys(document: Document.Parsed): void {
  visit(document, {
    Pair(_index, { key }) {
      const name = nameOfKey(key);
      if (name !== undefined && isScalar(key)) key.value = name;
    },
  });
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
  nameKeys(document);
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
    Pair(_key, { key }) {
      if (!isCollection(key)) return;
      throw new UserError(`${locate(key.range?.[0] ?? 0)}: expected the name of a key, got a list`);
    },
  });
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
