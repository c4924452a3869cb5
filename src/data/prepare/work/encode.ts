import type { Statistics } from '../../store/manifest.js';
import type { BySplit, PieceShare, SplitName } from './split.js';
import type { Tokenizer } from '../../tokenizers/tokenizer.js';
import { taskOf } from '../../../tasks/registry.js';
import { createSchemeCounter } from '../../../tasks/transitions.js';
import { floatOfBits } from '../../../tensor/float-bits.js';
import { addLabel } from '../../../tensor/label-sets.js';
import { numbersOf } from '../../features/features.js';
import { assignRows, assignTokens } from './assignment.js';
import { dropsUnknown, IdReader, recallTokenizer } from './id-reader.js';
import { type EncodeJob, labelWordsOf } from './job.js';
import { PieceFile } from '../pieces/piece.js';
import { encodePairs, measurePairs } from './encode-pairs.js';
import { SplitOutput, type SplitPlace } from './split-output.js';
import { addLongest, countLength, countNumber, countSets, emptyStatistics } from './statistics.js';
import { count, type Tally } from './tally.js';

/** The third stage: a piece's tokens become ids in the store's files. */

/** Tells how much room a piece needs in each split. For language models rows are not counted. */
export async function measurePiece(job: EncodeJob, index: number): Promise<BySplit<PieceShare>> {
  const placed = job.pieces[index]!;
  const piece = new PieceFile(placed.dir, placed.record);
  try {
    if (job.pairs) return await measurePairs(job, index, piece);
    const tokenizer = await recallTokenizer(job.tokenizer);
    const reader = dropsUnknown(tokenizer) ? new IdReader(piece, tokenizer) : undefined;
    const shares: BySplit<PieceShare> = {};
    const add = (split: SplitName, rows: number, tokens: number): void => {
      const share = (shares[split] ??= { rows: 0, tokens: 0 });
      share.rows += rows;
      share.tokens += tokens;
    };
    if (taskOf(job.task).rows === 'apart') {
      const splitOf = assignRows(placed, job.fractions);
      const addRow = (row: number, tokens: number): void => {
        const kept = reader?.read(tokens) ?? tokens;
        const split = splitOf(placed.rowsBefore + row);
        add(split, 1, Math.min(Math.max(kept, 1), job.maxLength));
      };
      if (taskOf(job.task).gives === 'text') {
        piece.eachRow(labelsOf(job), ({ row }, _labels, tokens) => addRow(row, tokens));
      } else piece.eachTaggedRow(({ row }, tags) => addRow(row, tags.length));
    } else {
      for (const { split, start, end } of assignTokens(
        placed,
        placed.record.tokens,
        job.fractions,
      )) {
        if (reader === undefined) add(split, 0, end - start);
        else eachWindow(end - start, (length) => add(split, 0, reader.read(length)));
      }
    }
    return shares;
  } finally {
    piece.close();
  }
}

export interface EncodeInput {
  readonly index: number;
  /** Where the piece's share of each split begins, in rows and tokens. */
  readonly places: Map<SplitName, SplitPlace>;
}

export type EncodeOutcome =
  | { readonly kind: 'encoded'; readonly statistics: BySplit<Statistics> }
  /** A row whose class the training split does not have; its line counts from the extent's start. */
  | { readonly kind: 'unknown class'; readonly line: number; readonly label: string };

export async function encodePiece(
  job: EncodeJob,
  { index, places }: EncodeInput,
  tally: Tally,
): Promise<EncodeOutcome> {
  const tokenizer = await recallTokenizer(job.tokenizer);
  const { dir, record } = job.pieces[index]!;
  const piece = new PieceFile(dir, record);
  const outputs = new Map<SplitName, SplitOutput>();
  try {
    for (const [split, place] of places) {
      const hasTags = taskOf(job.task).gives === 'tokens';
      const { dir: into, idBytes, features } = job;
      const words = labelWordsOf(job);
      outputs.set(
        split,
        new SplitOutput(into, split, idBytes, place, hasTags, features.map(numbersOf), words),
      );
    }
    if (job.pairs) {
      const statistics = await encodePairs(job, index, piece, outputs);
      count(tally, 'bytes', record.bytes);
      return { kind: 'encoded', statistics };
    }
    const work = new PieceEncoding(job, index, piece, outputs, tokenizer);
    const { rows, gives } = taskOf(job.task);
    const outcome =
      rows === 'joined'
        ? work.encodeStream()
        : gives === 'tokens'
          ? work.encodeTaggedRows()
          : work.encodeRows();
    count(tally, 'bytes', record.bytes);
    return outcome;
  } finally {
    for (const output of outputs.values()) output.close();
    piece.close();
  }
}

class PieceEncoding {
  readonly #reader: IdReader;
  readonly #statistics: BySplit<Statistics> = {};

  constructor(
    private readonly job: EncodeJob,
    private readonly index: number,
    private readonly piece: PieceFile,
    private readonly outputs: ReadonlyMap<SplitName, SplitOutput>,
    private readonly tokenizer: Tokenizer,
  ) {
    this.#reader = new IdReader(piece, tokenizer, job.features);
  }

  encodeRows(): EncodeOutcome {
    const { job } = this;
    const placed = job.pieces[this.index]!;
    const splitOf = assignRows(placed, job.fractions);
    const { target } = taskOf(job.task);
    const ids = target === 'number' ? undefined : this.#classIds();
    const set = target === 'labels' ? new Int32Array(labelWordsOf(job)) : undefined;
    let unknown: { line: number; label: string } | undefined;
    this.piece.eachRow(labelsOf(job), ({ row, line }, labels, tokens) => {
      const foreign = ids && labels.find((label) => ids[label]! < 0);
      if (foreign !== undefined) unknown ??= { line, label: placed.record.labels[foreign]! };
      if (unknown !== undefined) return;
      const split = splitOf(placed.rowsBefore + row);
      const place = { source: placed.source, row: placed.rowsBefore + row };
      for (let i = 0; ids && i < labels.length; i++) labels[i] = ids[labels[i]!]!;
      set?.fill(0);
      if (set) for (const id of labels) addLabel(set, 0, id);
      this.outputs.get(split)!.beginRow({ label: set ?? labels[0]! | 0, ...place });
      const kept = this.#reader.read(tokens);
      this.#writeRow(split, kept);
      const statistics = this.#countRow(split, kept, tokens, place);
      if (ids) for (const id of labels) statistics.labels[id]! += 1;
      else countNumber(statistics, floatOfBits(labels[0]! | 0));
      if (set) countSets(statistics, { empty: Number(labels.length === 0), most: labels.length });
    });
    if (unknown !== undefined) return { kind: 'unknown class', ...unknown };
    return { kind: 'encoded', statistics: this.#statistics };
  }

  encodeTaggedRows(): EncodeOutcome {
    const { job } = this;
    const placed = job.pieces[this.index]!;
    const splitOf = assignRows(placed, job.fractions);
    const ids = this.#classIds();
    const countScheme = createSchemeCounter(job.classes);
    let unknown: { line: number; label: string } | undefined;
    this.piece.eachTaggedRow(({ row, line }, tags) => {
      const foreign = tags.find((tag) => ids[tag]! < 0);
      if (foreign !== undefined) unknown ??= { line, label: placed.record.labels[foreign]! };
      if (unknown !== undefined) return;
      const split = splitOf(placed.rowsBefore + row);
      const place = { source: placed.source, row: placed.rowsBefore + row };
      const output = this.outputs.get(split)!;
      output.beginRow({ label: -1, ...place });
      const kept = this.#reader.read(tags.length);
      if (kept !== tags.length) throw new Error('a token of a row has been dropped');
      const [start, end] = this.#writeRow(split, kept);
      const statistics = this.#countRow(split, kept, tags.length, place);
      const { labels } = statistics;
      for (let i = 0; i < kept; i++) tags[i] = ids[tags[i]!]!;
      countScheme?.(tags, (statistics.scheme ??= { entities: 0, broken: 0 }));
      output.addTags(tags, start, end);
      for (let i = start; i < end; i++) labels[tags[i]!]! += 1;
    });
    if (unknown !== undefined) return { kind: 'unknown class', ...unknown };
    return { kind: 'encoded', statistics: this.#statistics };
  }

  /** Of the piece's labels; -1 where there is no such class. */
  #classIds(): number[] {
    const { record } = this.job.pieces[this.index]!;
    const classIds = new Map(this.job.classes.map((name, id) => [name, id]));
    return record.labels.map((name) => classIds.get(name) ?? -1);
  }

  encodeStream(): EncodeOutcome {
    const placed = this.job.pieces[this.index]!;
    for (const { split, start, end } of assignTokens(
      placed,
      placed.record.tokens,
      this.job.fractions,
    )) {
      const statistics = (this.#statistics[split] ??= emptyStatistics(0));
      eachWindow(end - start, (length) => {
        const kept = this.#reader.read(length);
        // All words of a split may be unknown ones that are dropped: then it has no files.
        this.outputs.get(split)?.addTokens(this.#reader, 0, kept);
        statistics.textTokens += length;
        statistics.unknownTokens += this.#reader.unknown;
      });
    }
    return { kind: 'encoded', statistics: this.#statistics };
  }

  /**
   * As `encodeRow` does for prediction.
   *
   * @returns Which of the row's tokens were written.
   */
  #writeRow(split: SplitName, kept: number): [start: number, end: number] {
    const { maxLength, truncate } = this.job;
    if (kept === 0) this.#reader.putEmpty(this.tokenizer.emptyToken);
    const length = Math.min(Math.max(kept, 1), maxLength);
    const start = truncate === 'pre' && kept > maxLength ? kept - maxLength : 0;
    this.outputs.get(split)!.addTokens(this.#reader, start, start + length);
    return [start, start + length];
  }

  #countRow(
    split: SplitName,
    kept: number,
    tokens: number,
    place: { source: number; row: number },
  ): Statistics {
    const statistics = (this.#statistics[split] ??= emptyStatistics(this.job.classes.length));
    statistics.textTokens += tokens;
    statistics.unknownTokens += this.#reader.unknown;
    if (kept > this.job.maxLength) statistics.truncatedRows += 1;
    if (kept === 0) statistics.emptyRows += 1;
    countLength(statistics.lengths, kept);
    addLongest(statistics, { ...place, tokens: kept });
    return statistics;
  }
}

/** What the rows of a job's pieces have. */
function labelsOf({ task }: EncodeJob): 'one label' | 'labels' {
  return taskOf(task).target === 'labels' ? 'labels' : 'one label';
}

const windowTokens = 1 << 14;

function eachWindow(tokens: number, visit: (length: number) => void): void {
  for (let left = tokens; left > 0; left -= windowTokens) visit(Math.min(left, windowTokens));
}
