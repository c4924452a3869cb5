import { UserError } from '../../errors.js';
import type { TokenStore } from '../store/token-store.js';
import { BatchRows, type RowBatchOptions } from './batch-rows.js';
import type { BatchSource, HostBatch } from './batch-source.js';
import { Mixture, type Share } from './mixture.js';

export interface PairBatchOptions extends RowBatchOptions {
  /** The token that begins what is read of a target, and ends what is learned of it. */
  readonly boundary: number;
  /** About how many tokens a batch has on its longer side, in the place of `batchSize`; absent goes by rows. */
  readonly batchTokens?: number | undefined;
  readonly shares?: readonly PairShare[];
}

/** Pairs of consecutive sources. */
export interface PairShare extends Share {
  /** Of all its targets, as they are stored, and of what they are translations of. */
  readonly tokens: number;
  readonly sourceTokens: number;
}

/** How full batches are of the tokens that are asked for, on average: so few of them have more. */
const FILL = 0.9;
/** How probable it is at most that the rows of a window have more tokens than are planned for them. */
const HARDLY_EVER = 1e-15;
/** How many times as many rows as usual a batch of very short ones has at most. */
const MOST_ROWS = 4;

/**
 * Batches of pairs: of row r the tokens [boundary, y1 … yn], the targets [y1 … yn, boundary], and the source as it is.
 *
 * By tokens the batches of a window (see `BatchRows`) cost about the same, where a row costs what its longer side has: how many
 * batches an epoch has is known beforehand, and any of them is found without those before it.
 */
export function pairBatches(store: TokenStore, options: PairBatchOptions): BatchSource {
  const { sizes, rows: batchRows } = planPairs(store, options);
  const { leastCost } = sizes;
  const most = Math.min(sizes.maxRows, batchRows.rowsPerEpoch);
  const limitOf = (longest: number): number => Math.min(most * longest, sizes.maxTokens);
  const [longest, longestSource] = [store.longestRow + 1, store.source!.longestRow];
  const limits = { target: limitOf(longest), source: limitOf(longestSource) };
  return {
    stepsPerEpoch: batchRows.stepsPerEpoch,
    maxRows: most,
    maxTokens: limits.target,
    maxSteps: longest,
    source: { maxTokens: limits.source, maxSteps: longestSource },
    async read(step, into) {
      const rows = await batchRows.of(step);
      if (leastCost !== undefined) await expectFit(rows);
      into.rows = rows.length;
      into.startsFresh = true;
      await store.readRows(rows, into);
      addBoundaries(into, options.boundary);
    },
  };

  /** @throws UserError for what chance hardly ever draws: memory is planned before. */
  async function expectFit(rows: Float64Array): Promise<void> {
    const [targets, sources] = [new Int32Array(rows.length), new Int32Array(rows.length)];
    await store.readLengths(rows, targets, sources);
    const sum = (lengths: Int32Array): number => lengths.reduce((all, each) => all + each, 0);
    const [target, source] = [sum(targets) + rows.length, sum(sources)];
    if (rows.length <= most && target <= limits.target && source <= limits.source) return;
    throw new UserError(
      `train.batchTokens: a batch has ${Math.max(target, source)} tokens, where memory is planned for ${sizes.maxTokens}: ` +
        'expected a larger train.bucketBatches, among whose rows long ones are not so many.',
    );
  }
}

/** How large the batches may be that are made of a store, and which rows they hold. */
export function planPairs(
  store: TokenStore,
  options: PairBatchOptions,
): { sizes: PairSizes; rows: BatchRows } {
  const sizes = sizesOf(store, options);
  const { batchSize, leastCost } = sizes;
  const rows = new BatchRows(store, { ...options, batchSize, ...(leastCost && { leastCost }) });
  return { sizes, rows };
}

interface PairSizes {
  /** Rows of a batch, on average. */
  readonly batchSize: number;
  readonly maxRows: number;
  /** Of either side. */
  readonly maxTokens: number;
  /** What the shortest row costs at least, where batches go by tokens. */
  readonly leastCost?: number;
}

function sizesOf(store: TokenStore, options: PairBatchOptions): PairSizes {
  const { batchSize, batchTokens, bucketBatches } = options;
  if (batchTokens === undefined) return { batchSize, maxRows: batchSize, maxTokens: Infinity };
  const longest = Math.max(store.longestRow + 1, store.source!.longestRow);
  const { rows, means, most } = epochOf(store, options.shares);
  const mean = Math.max(means.target, means.source);
  const usual = Math.max(1, Math.floor((FILL * batchTokens) / mean));
  if (bucketBatches === 1) return { batchSize: usual, maxRows: usual, maxTokens: Infinity };
  const leastCost = Math.max(1, Math.ceil(mean / MOST_ROWS));
  const windowRows = usual * bucketBatches;
  // The longer side of a row has at most as many as both, and costs at least so many.
  const meanCost = means.target + means.source + leastCost;
  // The last window of an epoch may be much smaller than the others: its few rows vary the most.
  const windows = [Math.min(windowRows, rows), rows % windowRows].filter((each) => each > 0);
  const likely = Math.max(
    2 * batchTokens,
    ...windows.map((each) => likelySum(each, meanCost, longest) / Math.ceil(each / usual)),
  );
  // A batch has an even share of its window, and may end with a row that the next one has hardly a place for.
  const planned = Math.ceil(Math.min(likely, usual * longest)) + longest;
  const maxTokens = Math.min(planned, Math.max(most, longest));
  const maxRows = Math.min(windowRows, Math.ceil(maxTokens / leastCost));
  return { batchSize: usual, maxRows, maxTokens, leastCost };
}

/** What an epoch shows: about how many rows, what each side of one has on average, and the most that all of a side have. */
function epochOf(
  { rows, tokens, source }: TokenStore,
  shares: readonly PairShare[] = [{ size: rows, weight: 1, tokens, sourceTokens: source!.tokens }],
): { rows: number; means: { target: number; source: number }; most: number } {
  const sum = (times: (weight: number) => number, of: (share: PairShare) => number): number =>
    shares.reduce((all, share) => all + times(share.weight) * of(share), 0);
  const [targetOf, sourceOf] = [
    (share: PairShare) => share.tokens + share.size,
    (share: PairShare) => share.sourceTokens,
  ];
  const asOften = (weight: number): number => weight;
  const shown = sum(asOften, ({ size }) => size);
  return {
    rows: new Mixture(shares, 0).size,
    means: { target: sum(asOften, targetOf) / shown, source: sum(asOften, sourceOf) / shown },
    most: Math.max(sum(Math.ceil, targetOf), sum(Math.ceil, sourceOf)),
  };
}

/**
 * What rows that are drawn at random cost together, but for a chance of `HARDLY_EVER`, by Bernstein's inequality: whatever their
 * costs are like, which vary the most where every row is one of the longest or costs nothing.
 */
function likelySum(rows: number, meanCost: number, longest: number): number {
  const mean = Math.min(meanCost, longest);
  const chance = -Math.log(HARDLY_EVER);
  const third = (chance * longest) / 3;
  const variance = mean * (longest - mean);
  return rows * mean + third + Math.sqrt(third ** 2 + 2 * chance * rows * variance);
}

/** Makes of targets, as they are stored, what is read and what is learned of them; from the last to the first, in their place. */
function addBoundaries({ rows, rowStart, tokens, targets }: HostBatch, boundary: number): void {
  let end = rowStart[rows]!;
  for (let row = rows - 1; row >= 0; row--) {
    const start = rowStart[row]!;
    const place = start + row;
    targets.set(tokens.subarray(start, end), place);
    targets[place + end - start] = boundary;
    tokens.copyWithin(place + 1, start, end);
    tokens[place] = boundary;
    rowStart[row + 1] = end + row + 1;
    end = start;
  }
}
