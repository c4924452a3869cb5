import { hasLoneReturn, isBlank, type Line, loneReturn, splitLines } from '../lines.js';
import { RowError } from '../row-error.js';
import { columnKeys, type ParsedBatch, type ParsedRow, type RowOptions } from '../rows.js';
import { nameSource, type Source } from '../../input/sources.js';
import { UserError } from '../../../errors.js';
import { counted } from '../../../system/counted.js';
import { joinTokens } from './tokens.js';
import { refuseSameColumn } from '../columns.js';

/** What a config says of columns when it says nothing: see data-schema.ts. */
const unsaid = { text: 'text', label: 'label' };

/** Begins a document in some corpora; a line of no sentence. */
const documentStart = '-DOCSTART-';

/** How another format is told: see `Terms` in src/commands/reading/reading-terms.ts. */
const orJson = '; if it holds JSON Lines, set data.format to jsonl';

/** Characters of a sentence. */
const longestSentence = 1 << 26;

/** Which columns hold word and tag, from 1; the first and the last where that is not said. */
interface Columns {
  readonly word: number;
  /** 0 for the last; undefined where tags are not asked for. */
  readonly tag: number | undefined;
  /** Further ones, from 1. */
  readonly others: readonly number[];
}

/**
 * Reads the sentences of CoNLL columns: a token a line, columns divided by blanks or tabs, a blank line behind each sentence.
 *
 * @param pieces The text of the source.
 * @param before The text of the file before these, if they do not begin it.
 * @throws UserError for columns that are named rather than numbered.
 */
export async function* readConllRows(
  pieces: AsyncIterable<string>,
  source: Source,
  options: RowOptions,
  before?: AsyncIterable<string>,
): AsyncGenerator<ParsedBatch, void, undefined> {
  const columns = chooseColumns(source, options);
  const sentence = new Sentence(source, columns, options);
  if (columns.tag === 0 && before) await sentence.learnWidth(before);
  let linesDone = 0;
  let isFirst = true;
  for await (const batch of splitLines(pieces, source)) {
    const rows: ParsedRow[] = [];
    for (const line of batch.lines) {
      const isStart = isDocumentStart(line);
      if (isStart || isBlank(line.text)) rows.push(...sentence.finish());
      if (isStart) sentence.pass(line.text);
      else if (!isBlank(line.text)) {
        if (isFirst && source.isGuessed) refuseObject(line, source);
        isFirst = false;
        sentence.append(line);
      }
    }
    linesDone = batch.linesDone;
    yield { rows, linesDone };
  }
  yield { rows: sentence.finish(), linesDone };
}

function isDocumentStart({ text }: Line): boolean {
  return text.startsWith(documentStart);
}

/** What nothing tells the format of may be JSON Lines, whose every line would be a sentence of some tokens. */
function refuseObject({ text }: Line, source: Source): void {
  if (!text.trimStart().startsWith('{') || !isObject(text)) return;
  throw new UserError(
    `${nameSource(source.path)}: the first line is a JSON object: expected the columns of CoNLL files${orJson}.`,
  );
}

function isObject(text: string): boolean {
  try {
    return typeof JSON.parse(text) === 'object';
  } catch {
    return false;
  }
}

function chooseColumns(source: Source, options: RowOptions): Columns {
  const { text, label, columns = [], mayLackLabel = false } = options;
  const number = (
    column: string | number,
    key: 'data.text' | 'data.label' | 'a column of model.features',
  ): number => {
    if (typeof column === 'number') return column;
    if (key === 'data.text' && column === unsaid.text) return 1;
    if (key === 'data.label' && column === unsaid.label) return 0;
    const orElse = source.isGuessed ? orJson : '';
    throw new UserError(
      `${nameSource(source.path)}: the columns of CoNLL files have no names: expected the number of one, from 1, as ${key}, got ${JSON.stringify(column)}${orElse}.`,
    );
  };
  const word = number(text, 'data.text');
  const tag = label === undefined ? undefined : number(label, 'data.label');
  const isSame = tag === word;
  if (isSame && !mayLackLabel) {
    refuseSameColumn(nameSource(source.path), columnKeys(options), label!);
  }
  return {
    word,
    tag: isSame ? undefined : tag,
    others: columns.map((column) => number(column, 'a column of model.features')),
  };
}

/** The cells of a line: other blanks, such as one that keeps words together, are part of them. */
export function splitCells(line: string): string[] {
  return line.trim().split(/[ \t]+/);
}

class Sentence {
  #lines: Line[] = [];
  #before: string[] = [];
  #length = 0;
  /** Columns of the file's first sentence that can be used, where they are known. */
  #width: number | undefined;

  constructor(
    private readonly source: Source,
    private readonly columns: Columns,
    private readonly options: RowOptions,
  ) {}

  /** @param before The text of the file before the first line that is appended. */
  async learnWidth(before: AsyncIterable<string>): Promise<void> {
    const earlier = new Sentence(this.source, this.columns, this.options);
    for await (const { lines } of splitLines(before, this.source)) {
      for (const line of lines) {
        if (!isDocumentStart(line) && !isBlank(line.text)) earlier.append(line);
        else earlier.finish();
        if (earlier.#width !== undefined) break;
      }
      if (earlier.#width !== undefined) break;
    }
    earlier.finish();
    this.#width = earlier.#width;
  }

  /** A line before the sentence that is none of it. */
  pass(line: string): void {
    this.#before.push(line);
  }

  append(line: Line): void {
    this.#lines.push(line);
    this.#length += line.text.length;
    if (this.#length <= longestSentence) return;
    throw new RowError(
      this.source,
      this.#lines[0]!.line,
      `this sentence is longer than ${longestSentence} characters: expected a blank line behind each sentence.`,
    );
  }

  finish(): ParsedRow[] {
    if (this.#lines.length === 0) return [];
    const lines = this.#lines.splice(0);
    const before = this.#before.splice(0);
    this.#length = 0;
    const texts = lines.map(({ text }) => text);
    const fields = this.options.keep === true && { fields: { before, lines: texts } };
    const refuse = (at: number, reason: string): ParsedRow[] => [
      { line: lines[at]!.line, reason, raw: texts.join('\n'), ...fields },
    ];
    const cells = texts.map(splitCells);
    const width = cells[0]!.length;
    const broken = texts.findIndex(hasLoneReturn);
    if (broken >= 0) return refuse(broken, loneReturn);
    const { word, tag } = this.#placed(width);
    const { others } = this.columns;
    const fewest = Math.max(word, tag, ...others);
    const odd = cells.findIndex((each) => each.length !== width || width < fewest);
    if (odd >= 0) {
      const expected =
        width < fewest
          ? `at least ${fewest} columns, ${this.#explain(fewest, word)}`
          : `${width} columns as in the first line of the sentence`;
      return refuse(odd, `expected ${expected}, found ${cells[odd]!.length}.`);
    }
    // The last column of some lines is another one than that of others. Whoever asks for predictions is answered without it.
    this.#width ??= width;
    const isTagKnown = this.columns.tag !== 0 || width === this.#width;
    if (!isTagKnown && this.options.mayLackLabel !== true) {
      return refuse(
        0,
        `expected ${counted(this.#width, 'column')} as in the first sentence of the file that can be used, since the last one is taken for the tag, found ${width}.`,
      );
    }
    const column = (number: number): string => joinTokens(cells.map((each) => each[number - 1]!));
    return [
      {
        line: lines[0]!.line,
        text: column(word),
        ...(tag > 0 && isTagKnown && { label: column(tag) }),
        ...(others.length > 0 && { columns: others.map(column) }),
        ...fields,
      },
    ];
  }

  /** What asks for so many columns. */
  #explain(fewest: number, word: number): string {
    const { tag, others } = this.columns;
    const isFeature = others.includes(fewest);
    const key = isFeature ? 'model.features' : fewest === tag ? 'data.label' : 'data.text';
    if (isFeature || fewest === tag || fewest === word)
      return `since ${key} names column ${fewest}`;
    const most = fewest - 1;
    const behind = others.includes(most)
      ? `column ${most}, which model.features names`
      : 'the token';
    return `since the tag stands behind ${behind}`;
  }

  /** Of lines so wide; 0 for a tag that is not asked for, or may be and is missing. */
  #placed(width: number): { word: number; tag: number } {
    const { word, tag, others } = this.columns;
    if (tag === undefined) return { word, tag: 0 };
    // The last column is the tag's where there is one beside the others.
    const chosen = tag === 0 ? Math.max(width, ...[word, ...others].map((each) => each + 1)) : tag;
    const isMissing = chosen > width && this.options.mayLackLabel === true;
    return { word, tag: isMissing ? 0 : chosen };
  }
}
