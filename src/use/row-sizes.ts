import type { Config } from '../config/schema.js';
import type { BatchSizes } from '../data/batches/batch-source.js';
import { describeNetwork } from '../model/graph/describe.js';
import type { NetworkShape } from '../model/graph/shape.js';
import { longestRow } from '../compute/sizes.js';

/** How large the batches of callers' own rows are. */

/** Rows that are computed together, and tokens of them beyond which memory would be worth more than company. */
export interface AtOnce {
  readonly rows: number;
  readonly tokens: number;
}

export const AT_ONCE: AtOnce = { rows: 64, tokens: 2 ** 14 };
/** Numbers that all rows carry from batch to batch, beyond which the same holds: of attention to many tokens before one row has millions. */
const CARRIED_AT_ONCE = 2 ** 22;

/**
 * @param atOnce as many as what rows carry allows where absent
 * @returns sizes of batches that every engine holds, and of batches of many rows of language models, whose texts come one by one as a rule
 */
export function sizesOfRows(
  config: Config,
  shape: NetworkShape,
  atOnce: AtOnce = { ...AT_ONCE, rows: rowsAtOnce(shape, AT_ONCE.rows) },
): { rowSizes: BatchSizes; manyRows: BatchSizes } {
  const longest = longestRow(config);
  const maxRows = atOnce.rows;
  const tokensFor = (longest: number, tokens: number): number =>
    Math.max(longest, maxRows, Math.min(tokens, atOnce.tokens));
  const { maxSourceLength } = config.data;
  const source = shape.source && {
    maxTokens: tokensFor(maxSourceLength!, maxRows * maxSourceLength!),
    maxSteps: maxSourceLength!,
  };
  const sizesFor = (tokens: number): BatchSizes => ({
    maxRows,
    maxTokens: tokensFor(longest, tokens),
    maxSteps: longest,
    ...(source && { source }),
  });
  const manyRows = sizesFor(maxRows * longest);
  return { manyRows, rowSizes: shape.carries ? sizesFor(longest) : manyRows };
}

/** One row at least, however much it carries. */
export function rowsAtOnce(shape: NetworkShape, most: number): number {
  if (!shape.carries) return most;
  const { layers } = describeNetwork(shape);
  const carried = layers
    .flatMap((layer) => layer.carried)
    .reduce((sum, { width }) => sum + width, 0);
  return Math.max(1, Math.min(most, Math.floor(CARRIED_AT_ONCE / Math.max(1, carried))));
}
