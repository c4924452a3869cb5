import type { Statistics } from '../../store/manifest.js';
import type { Tokenizer } from '../../tokenizers/tokenizer.js';
import { type PieceFile, SOURCE_STREAM } from '../pieces/piece.js';
import { assignRows } from './assignment.js';
import { dropsUnknown, IdReader, recallTokenizer } from './id-reader.js';
import type { EncodeJob } from './job.js';
import { leftEmpty, leftOut, type LeftOut, type PairLimits } from './pair-filter.js';
import type { BySplit, PieceShare, SplitName } from './split.js';
import type { SplitOutput } from './split-output.js';
import { addLongest, countLength, emptySide, emptyStatistics } from './statistics.js';

/** The third stage of pairs. What limits leave out of training is truncated in the other splits: of what is measured only what has no token is left out. */

/** Tokens of a pair's sides, and how many of them the vocabulary keeps. */
interface SideCounts {
  readonly sources: number;
  readonly targets: number;
  readonly keptSource: number;
  readonly kept: number;
}

function whyLeft(
  limits: PairLimits,
  split: SplitName,
  { sources, targets, keptSource, kept }: SideCounts,
): LeftOut | undefined {
  const ofTraining = split === 'train' ? leftOut(limits, sources, targets) : undefined;
  return ofTraining ?? leftEmpty(keptSource, kept);
}

/** See `measurePiece`. */
export async function measurePairs(
  job: EncodeJob,
  index: number,
  piece: PieceFile,
): Promise<BySplit<PieceShare>> {
  const placed = job.pieces[index]!;
  const splitOf = assignRows(placed, job.fractions);
  const { maxLength, maxSourceLength } = job.pairs!;
  const { targets, sources } = await openSides(job, piece);
  const countOf = ({ reader, tokenizer }: Side, tokens: number): number =>
    dropsUnknown(tokenizer) ? reader.read(tokens) : tokens;
  const shares: BySplit<PieceShare> = {};
  piece.eachRow('one label', ({ row }, [sourceTokens], tokens) => {
    const kept = countOf(targets, tokens);
    const keptSource = countOf(sources, sourceTokens!);
    const split = splitOf(placed.rowsBefore + row);
    // Also where all are left out: the split is there, and its statistics tell why it is so small.
    const share = (shares[split] ??= { rows: 0, tokens: 0, sourceTokens: 0 });
    const counts = { sources: sourceTokens!, targets: tokens, keptSource, kept };
    if (whyLeft(job.pairs!, split, counts) !== undefined) return;
    share.rows += 1;
    share.tokens += Math.min(kept, maxLength);
    share.sourceTokens! += Math.min(keptSource, maxSourceLength);
  });
  return shares;
}

/** Writes a piece's pairs; gives what is told of them. */
export async function encodePairs(
  job: EncodeJob,
  index: number,
  piece: PieceFile,
  outputs: ReadonlyMap<SplitName, SplitOutput>,
): Promise<BySplit<Statistics>> {
  const placed = job.pieces[index]!;
  const splitOf = assignRows(placed, job.fractions);
  const { maxLength, maxSourceLength } = job.pairs!;
  const { targets, sources } = await openSides(job, piece);
  const told: BySplit<Statistics> = {};
  piece.eachRow('one label', ({ row: number }, [sourceTokens], tokens) => {
    const kept = targets.reader.read(tokens);
    const keptSource = sources.reader.read(sourceTokens!);
    const row = placed.rowsBefore + number;
    const split = splitOf(row);
    const statistics = (told[split] ??= emptyStatistics(0));
    const ofSources = (statistics.source ??= emptySide());
    const sides = { sources: sourceTokens!, targets: tokens, keptSource, kept };
    const why = whyLeft(job.pairs!, split, sides);
    if (why !== undefined) {
      const counts = (statistics.leftOut ??= { empty: 0, long: 0, uneven: 0 });
      counts[why] += 1;
      return;
    }
    const output = outputs.get(split)!;
    const place = { source: placed.source, row };
    output.beginPair(place);
    output.addTokens(targets.reader, ...partOf(kept, maxLength));
    output.addSourceTokens(sources.reader.ids, ...partOf(keptSource, maxSourceLength));
    statistics.textTokens += tokens;
    statistics.unknownTokens += targets.reader.unknown;
    ofSources.textTokens += sourceTokens!;
    ofSources.unknownTokens += sources.reader.unknown;
    if (kept > maxLength || keptSource > maxSourceLength) statistics.truncatedRows += 1;
    countLength(statistics.lengths, kept);
    countLength(ofSources.lengths, keptSource);
    ofSources.longestRow = Math.max(ofSources.longestRow, keptSource);
    addLongest(statistics, { ...place, tokens: kept });
  });
  return told;

  /** Which tokens of a side are written. */
  function partOf(length: number, most: number): [start: number, end: number] {
    const start = job.truncate === 'pre' && length > most ? length - most : 0;
    return [start, start + Math.min(length, most)];
  }
}

interface Side {
  readonly tokenizer: Tokenizer;
  readonly reader: IdReader;
}

async function openSides(
  job: EncodeJob,
  piece: PieceFile,
): Promise<{ targets: Side; sources: Side }> {
  const open = (tokenizer: Tokenizer, stream: number): Side => {
    return { tokenizer, reader: new IdReader(piece, tokenizer, [], stream) };
  };
  return {
    targets: open(await recallTokenizer(job.tokenizer), 0),
    sources: open(await recallTokenizer(job.sourceTokenizer!), SOURCE_STREAM),
  };
}
