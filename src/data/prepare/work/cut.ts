import { taskOf, type TaskKind } from '../../../tasks/registry.js';
import { type Feature, FeatureReader, keptBy, valuesOf } from '../../features/features.js';
import {
  type Example,
  type ExampleOptions,
  readSource,
  type RowBatch,
} from '../../formats/examples.js';
import { bitsOfFloat } from '../../../tensor/float-bits.js';
import { splitLabels } from '../../formats/label-sets.js';
import { type DecimalMark, readNumber } from '../../formats/numbers.js';
import { splitTokens } from '../../formats/tagged/tokens.js';
import { RowError } from '../../formats/row-error.js';
import { type BytesObserver, countFeeds, readContent, readText } from '../../input/source-text.js';
import type { Source } from '../../input/sources.js';
import { type BadLine, readStreamText, type StreamPart } from '../../input/stream-text.js';
import {
  type CuttingOptions,
  createLocalCutter,
  type LocalCutter,
} from '../../tokenizers/local-cutter.js';
import { WordForms } from '../../tokenizers/word-forms.js';
import { count, type Tally } from './tally.js';
import { pieceName } from '../pieces/damaged-piece.js';
import type { PlacedRow } from '../pieces/piece.js';
import { PieceBuilder } from '../pieces/piece-builder.js';
import type { ExtentRecord } from '../pieces/records.js';
import { TextHasher } from '../pieces/text-hash.js';
import { BrokenExtent, type Extent } from '../../input/extent.js';

/** The first stage: an extent of a source becomes pieces. */

/** What decides how a corpus's sources are cut. */
export interface CorpusCutting {
  readonly task: TaskKind;
  readonly reading: ExampleOptions;
  readonly tokenizer: CuttingOptions;
  /** Of pairs, whose targets the other one cuts. */
  readonly sourceTokenizer?: CuttingOptions | undefined;
  /** What is kept of tokens beside. */
  readonly features: readonly Feature[];
  /** Of texts: see `marksOf`. */
  readonly marks: readonly string[];
  /** Length of the text of a piece, in UTF-16 code units. */
  readonly pieceLength: number;
}

export interface CutInput {
  readonly cutting: CorpusCutting;
  readonly source: Source;
  readonly extent: Extent;
  /** Where pieces are written first, where they go, and what their names begin with. */
  readonly scratch: string;
  readonly dir: string;
  readonly name: string;
  /** Whether a bad row ends the reading. */
  readonly refusesBadRows: boolean;
}

export type CutOutcome =
  | { readonly kind: 'cut'; readonly record: ExtentRecord }
  /** The source has to be read as one extent; see BrokenExtent. */
  | { readonly kind: 'broken' }
  /** A row that ends everything; its line counts from the start of the extent. See RowError. */
  | {
      readonly kind: 'bad';
      readonly line: number;
      readonly reason: string;
      readonly isOfTarget: boolean;
    };

export async function cutExtent(input: CutInput, tally: Tally): Promise<CutOutcome> {
  const { tokenizer, sourceTokenizer } = input.cutting;
  const cutter = await createLocalCutter(tokenizer);
  const sources = sourceTokenizer && (await createLocalCutter(sourceTokenizer));
  const work = new ExtentCutting(input, tally, cutter, sources);
  try {
    return await work.run();
  } catch (error) {
    if (error instanceof BrokenExtent) return { kind: 'broken' };
    if (error instanceof RowError) {
      const { line, reason, isOfTarget } = error;
      return { kind: 'bad', line, reason, isOfTarget };
    }
    throw error;
  }
}

const noLiterals: readonly string[] = [];

/** Without a place to cut, a stream is cut at this length: memory stays bounded. */
const longestUncut = 1 << 20;

class ExtentCutting {
  readonly #piece: PieceBuilder;
  readonly #hasher = new TextHasher();
  readonly #features: FeatureReader;
  /** Where features are of the words of texts: these, and the values of each. */
  readonly #words: ReturnType<typeof wordsOf>;
  readonly #pieces: ExtentRecord['pieces'] = [];
  readonly #syncs: Promise<void>[] = [];
  readonly #observe: BytesObserver;
  #rows = 0;
  #lines = 0;

  constructor(
    private readonly input: CutInput,
    private readonly tally: Tally,
    private readonly cutter: LocalCutter,
    sources?: LocalCutter,
  ) {
    this.#piece = new PieceBuilder(cutter, input.cutting.features.length, sources);
    this.#features = new FeatureReader(input.cutting.features);
    this.#words = wordsOf(input.cutting);
    this.#observe = (bytes) => count(tally, 'bytes', bytes.length);
  }

  async run(): Promise<CutOutcome> {
    const { cutting, source } = this.input;
    if (taskOf(cutting.task).rows === 'joined' && source.format === 'text') {
      await (this.cutter.plainBytes ? this.#cutBytes() : this.#cutStream());
    } else {
      await this.#cutRows();
    }
    await this.#roll();
    await Promise.all(this.#syncs);
    return {
      kind: 'cut',
      record: {
        extent: this.input.extent,
        rows: this.#rows,
        lines: this.#lines,
        pieces: this.#pieces,
      },
    };
  }

  async #cutRows(): Promise<void> {
    const { cutting, source, extent, refusesBadRows } = this.input;
    const { rows, target, gives } = taskOf(cutting.task);
    const { labelSeparator, decimalMark } = cutting.reading;
    // Rows that are joined end as lines do.
    const end = rows === 'joined' ? '\n' : '';
    // Or they are collected: pieces do not depend on what becomes of bad rows.
    const onBadRow = refusesBadRows ? 'error' : 'quarantine';
    const options = { ...cutting.reading, onBadRow } as const;
    for await (const batch of readSource(source, options, extent, this.#observe)) {
      if (gives === 'pairs') {
        this.#addPairs(batch.rows);
        await this.#finishBatch(batch);
        continue;
      }
      const texts = batch.rows.map(({ text }) => text + end);
      const counts = this.#piece.addTexts(texts);
      let tokens = 0;
      const isJson = source.format === 'jsonl';
      batch.rows.forEach((row, i) => {
        const literals = isJson ? (row.literals ?? noLiterals) : undefined;
        if (gives === 'tokens') {
          this.#piece.addTaggedRow(row, splitTokens(row.label!));
          this.#addGivenFeatures(row);
        } else if (target === 'class') {
          this.#piece.addRow(row, row.label!, counts[i]!, literals);
        } else if (target === 'labels') {
          const labels = splitLabels(row.label!, labelSeparator!);
          this.#piece.addRow(row, labels, counts[i]!, literals);
        } else if (target === 'number') {
          this.#piece.addRow(row, bitsOfLabel(row.label!, decimalMark), counts[i]!);
        }
        this.#addFeatures(texts[i]!, counts[i]!);
        this.#piece.addHash(this.#hasher.hash(row.text), row.row);
        tokens += counts[i]!;
      });
      this.#countWork(batch.rows.length, tokens);
      await this.#finishBatch(batch);
    }
  }

  /** What is the same of all rows, whatever they give. */
  async #finishBatch({ rows, bad, linesDone }: RowBatch): Promise<void> {
    for (const each of bad) this.#piece.addBad(each);
    this.#rows = Math.max(this.#rows, lastRow(rows), lastRow(bad));
    this.#lines = linesDone;
    await this.#rollWhenFull();
  }

  /** Pairs are known by their sources: a held-out one that has been trained on promises too much, whatever its target. */
  #addPairs(rows: readonly Example[]): void {
    const counts = this.#piece.addTexts(rows.map(({ label }) => label!));
    const sources = this.#piece.addSources(rows.map(({ text }) => text));
    let tokens = 0;
    rows.forEach((row, i) => {
      this.#piece.addRow(row, sources[i]!, counts[i]!);
      this.#piece.addHash(this.#hasher.hash(row.text), row.row);
      tokens += sources[i]! + counts[i]!;
    });
    this.#countWork(rows.length, tokens);
  }

  /** Of the words of a text, which are so many. */
  #addFeatures(text: string, tokens: number): void {
    if (this.#words === undefined) return;
    const { forms, valuesOfWord } = this.#words;
    const { features } = this.#piece;
    let words = 0;
    forms.each(text, (bytes, start, end, code) => {
      features.addWord(bytes, start, end, code, valuesOfWord);
      words++;
    });
    if (words !== tokens) throw new Error('a text has other words in another case');
  }

  /** Of tokens that are given as such. */
  #addGivenFeatures({ text, columns = [] }: Example): void {
    if (this.input.cutting.features.length === 0) return;
    const values = this.#features.read(splitTokens(text), columns.map(splitTokens));
    this.#piece.features.add(values);
  }

  async #cutBytes(): Promise<void> {
    const { source, extent } = this.input;
    for await (const bytes of readContent(source, extent, this.#observe)) {
      this.#piece.addBytes(bytes);
      this.#countWork(0, bytes.length);
      await this.#rollWhenFull();
    }
  }

  async #cutStream(): Promise<void> {
    let rest = '';
    const add = async (text: string): Promise<void> => {
      const [tokens] = this.#piece.addTexts([text]);
      this.#addFeatures(text, tokens!);
      this.#countWork(0, tokens!);
      await this.#rollWhenFull();
    };
    for await (const { text, lines } of this.#readStream()) {
      this.#lines += lines;
      const joined = rest + text;
      const found = this.cutter.findCut(joined);
      const index = found === 0 && joined.length > longestUncut ? joined.length : found;
      if (index > 0) await add(joined.slice(0, index));
      rest = joined.slice(index);
    }
    if (rest !== '') await add(rest);
  }

  #readStream(): AsyncIterable<StreamPart> {
    const { cutting, source, extent, refusesBadRows } = this.input;
    if (refusesBadRows) return withLines(readText(source, cutting.reading, extent, this.#observe));
    // Rows of a stream are not counted.
    const place = { source: source.path, row: 0 };
    const onBadLine = (bad: BadLine): void => this.#piece.addBad({ ...place, ...bad });
    return readStreamText(source, cutting.reading, onBadLine, extent, this.#observe);
  }

  #countWork(rows: number, tokens: number): void {
    count(this.tally, 'rows', rows);
    count(this.tally, 'tokens', tokens);
  }

  async #rollWhenFull(): Promise<void> {
    if (this.#piece.textLength >= this.input.cutting.pieceLength) await this.#roll();
  }

  async #roll(): Promise<void> {
    if (this.#piece.isEmpty) return;
    const { dir, name, scratch } = this.input;
    const file = pieceName(name, this.#pieces.length);
    const { record, synced } = await this.#piece.finish(dir, file, scratch);
    this.#pieces.push(record);
    this.#syncs.push(synced);
  }
}

function wordsOf({ task, tokenizer, features, marks }: CorpusCutting) {
  if (features.length === 0 || taskOf(task).gives === 'tokens') return undefined;
  if (tokenizer.kind !== 'word') throw new Error(`tokens of ${tokenizer.kind} are no words`);
  const forms = new WordForms(tokenizer, marks, keptBy(features));
  return { forms, valuesOfWord: (word: string) => valuesOf(features, forms.ofWord(word)) };
}

/** Where a bad line ends everything, none is left out; but lines before those of later extents count. */
async function* withLines(pieces: AsyncIterable<string>): AsyncGenerator<StreamPart> {
  for await (const text of pieces) yield { text, lines: countFeeds(text) };
}

/** The reader has made sure that it is a number. */
const bitsOfLabel = (cell: string, mark: DecimalMark | undefined): number =>
  bitsOfFloat(readNumber(cell, mark)!) >>> 0;

function lastRow(rows: readonly Pick<PlacedRow, 'row'>[]): number {
  return rows.at(-1)?.row ?? 0;
}
