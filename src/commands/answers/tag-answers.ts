import type { BadRow, Example, RowBatch } from '../../data/formats/examples.js';
import { readMembers } from '../../data/formats/json/json-members.js';
import { splitCells } from '../../data/formats/tagged/conll.js';
import { listNames, namesShown } from '../../data/input/names.js';
import { nameSource } from '../../data/input/sources.js';
import { UserError } from '../../errors.js';
import { splitTokens } from '../../data/formats/tagged/tokens.js';
import { formatCount, formatShare } from '../../observe/figures.js';
import { BadRows } from './bad-rows.js';
import type { Sentence, TrainedModel } from '../library.js';
import { inTerms, predictTerms } from '../reading/reading-terms.js';
import { counted } from '../../system/counted.js';

/** Sentences of an input in their order, each with its tags. */

/** How they are written: columns with one more behind the others, or objects with one more member. */
export type TagLayout = 'conll' | 'jsonl';

/** Counts tokens that can be told right or wrong, and rows that cannot be used. */
export class KnownTags {
  readonly #classes: ReadonlySet<string>;
  #known = 0;
  #right = 0;
  #foreign = 0;
  readonly #bad = new BadRows();
  /** One more than are shown, at most: an input may have a name of its own in every object. */
  readonly #leftOut = new Set<string>();

  constructor(classes: readonly string[]) {
    this.#classes = new Set(classes);
  }

  add(row: Example, predicted: readonly string[]): void {
    if (row.label === undefined) return;
    splitTokens(row.label).forEach((tag, i) => {
      if (!this.#classes.has(tag)) this.#foreign += 1;
      else {
        this.#known += 1;
        if (predicted[i] === tag) this.#right += 1;
      }
    });
  }

  addBad(row: BadRow): void {
    this.#bad.add(row);
  }

  /** Fields of objects that columns have no place for. */
  addLeftOut(fields: readonly string[]): void {
    for (const name of fields) {
      if (this.#leftOut.size > namesShown) return;
      this.#leftOut.add(name);
    }
  }

  /** Sentences, as many as there is something to tell. */
  describe(): string[] {
    const sentences: string[] = [];
    if (this.#known > 0) {
      const share = formatShare(this.#right / this.#known);
      sentences.push(
        `Accuracy ${share}: ${formatCount(this.#right)} of ${counted(this.#known, 'token')} with a known tag`,
      );
    }
    if (this.#foreign > 0) {
      sentences.push(`${counted(this.#foreign, 'token')} with a tag that the model does not know`);
    }
    if (this.#leftOut.size > 0) {
      const names = listNames([...this.#leftOut].slice(0, namesShown));
      const more = this.#leftOut.size > namesShown ? ' and more' : '';
      sentences.push(
        `Columns leave out what objects hold beside their tokens: ${names}${more}; --to jsonl keeps it`,
      );
    }
    return [...sentences, ...this.#bad.describe()];
  }
}

/**
 * Answers rows as they arrive, at most `batchSize` at a time, as text.
 *
 * @param layout that of each file when absent
 * @param prefix stands before the name of what is added to objects
 * @throws UserError for a prefix where columns are written
 */
export async function* answerSentences(
  model: Pick<TrainedModel, 'tag'>,
  batches: AsyncIterable<RowBatch>,
  batchSize: number,
  known: KnownTags,
  { layout, prefix }: { layout: TagLayout | undefined; prefix: string },
): AsyncGenerator<string, void, undefined> {
  for await (const { rows, bad, format } of batches) {
    const isJson = (layout ?? format) === 'jsonl';
    const all: (Example | BadRow)[] = [...rows, ...bad].sort((a, b) => a.row - b.row);
    for (let first = 0; first < all.length; first += batchSize) {
      const taken = all.slice(first, first + batchSize);
      const sentences = taken.flatMap((row) => ('text' in row ? [sentenceOf(row)] : []));
      const tags = await model.tag(sentences);
      let next = 0;
      let text = '';
      for (const row of taken) {
        const predicted = 'text' in row ? tags[next++]! : undefined;
        if ('text' in row) known.add(row, predicted!);
        else known.addBad(row);
        if (!isJson) expectNoPrefix(prefix, row);
        // A bad row is written whole.
        if (!isJson && 'text' in row && row.fields !== undefined && 'json' in row.fields) {
          known.addLeftOut(row.fields.beside ?? []);
        }
        text += isJson ? formatJson(row, predicted, prefix) : formatColumns(row, predicted);
      }
      yield text;
    }
  }
}

function expectNoPrefix(prefix: string, { source }: Example | BadRow): void {
  if (prefix === '') return;
  throw new UserError(
    `--prefix: ${nameSource(source)} is answered in columns of tokens, which have no names: leave it out, or give --to jsonl`,
  );
}

function sentenceOf({ text, columns }: Example): Sentence {
  const tokens = splitTokens(text);
  return columns === undefined ? tokens : { tokens, columns: columns.map(splitTokens) };
}

/** The lines of the input with the predicted tag behind each, divided as the others are; a blank line ends the sentence. */
function formatColumns(row: Example | BadRow, predicted: readonly string[] | undefined): string {
  const fields = row.fields !== undefined && 'lines' in row.fields ? row.fields : undefined;
  const before = fields === undefined ? '' : fields.before.map((line) => `${line}\n\n`).join('');
  const lines = fields?.lines ?? ('text' in row ? toLines(row) : [row.raw]);
  const answered = lines.map((line, i) => {
    if (predicted === undefined) return `${line}\n`;
    return `${line.trimEnd()}${line.includes('\t') ? '\t' : ' '}${predicted[i]!}\n`;
  });
  return `${before}${answered.join('')}\n`;
}

/** A token's line: behind it what stands beside it, and its tag if that is known. */
function toLines({ text, columns = [], label }: Example): string[] {
  const beside = [...columns, ...(label === undefined ? [] : [label])].map(splitTokens);
  return splitTokens(text).map((token, i) =>
    [token, ...beside.map((texts) => texts[i]!)]
      .map((each) => each.replaceAll(/\s/g, '_'))
      .join(' '),
  );
}

/** Whether the lines of columns hold more than tokens and known tags. */
function hasMore(lines: readonly string[], { label }: Example): boolean {
  const cells = splitCells(lines[0] ?? '').length;
  return cells > (label === undefined ? 1 : 2);
}

function refuseTaken({ source }: Example | BadRow, prefix: string, json: string): void {
  const added = [`${prefix}predicted`, `${prefix}error`];
  const name = added.find(
    (each) => json.includes(each) && readMembers(json).some(([own]) => own === each),
  );
  if (name === undefined) return;
  throw new UserError(
    `${nameSource(source)} has a field ${JSON.stringify(name)} already: give the one that is added another name with --prefix`,
  );
}

function formatJson(
  row: Example | BadRow,
  predicted: readonly string[] | undefined,
  prefix: string,
): string {
  const member = (name: string, value: unknown): string =>
    `${JSON.stringify(name)}:${JSON.stringify(value)}`;
  const members: string[] = [];
  if (row.fields !== undefined && 'json' in row.fields) {
    refuseTaken(row, prefix, row.fields.json);
    const inside = row.fields.json.slice(1, -1).trim();
    if (inside !== '') members.push(inside);
  } else if ('text' in row) {
    members.push(member('tokens', splitTokens(row.text)));
    if (row.label !== undefined) members.push(member('tags', splitTokens(row.label)));
    const lines = row.fields !== undefined && 'lines' in row.fields ? row.fields.lines : [];
    if (hasMore(lines, row)) members.push(member('lines', lines));
  } else members.push(member('raw', row.raw));
  members.push(member(`${prefix}predicted`, predicted ?? null));
  if ('reason' in row) {
    members.push(member(`${prefix}error`, inTerms(predictTerms, row.reason)));
  }
  return `{${members.join(',')}}\n`;
}
