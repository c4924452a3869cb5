import type { BatchSource } from '../data/batches/batch-source.js';
import { createHostBatch } from '../compute/batch-feed.js';
import { decode } from './decode.js';
import { Decoder } from './decoder.js';
import { EnsembleDecoder } from './ensemble-decoder.js';
import { GivenText } from './given-text.js';
import { borrowAll, type DecodingEngine } from './translator.js';

/** What several networks tell together of given translations. */
export interface ToldTogether {
  /** Mean of −ln p over all targets, p being the mean of what the networks tell. */
  readonly crossEntropy: number;
  /** Share of the targets that were the likeliest on average. */
  readonly accuracy: number;
  readonly targets: number;
}

/**
 * How likely the targets of pairs are to several networks on average, token by token, as in the steps of a search. Takes the memory of a batch,
 * however many there are.
 *
 * @param source batches of pairs, each target of which begins with the boundary
 * @param boundary what every text begins with
 */
export async function evaluateTogether(
  engines: readonly DecodingEngine[],
  source: BatchSource,
  boundary: number,
): Promise<ToldTogether> {
  const { maxRows } = source;
  const sizes = { maxRows, maxTokens: maxRows, maxSteps: 1, source: source.source! };
  const batch = createHostBatch(source);
  let [crossEntropy, correct, targets] = [0, 0, 0];
  for (let step = 0; step < source.stepsPerEpoch; step++) {
    await source.read(step, batch);
    const rows = Array.from({ length: batch.rows }, (_, row) => row);
    const { tokens, rowStart } = batch.source!;
    const sources = rows.map((row) =>
      Array.from(tokens.subarray(rowStart[row], rowStart[row + 1])),
    );
    const texts = rows.map((row) => {
      const [start, end] = [batch.rowStart[row]!, batch.rowStart[row + 1]!];
      return new GivenText(batch.targets.subarray(start, end));
    });
    await borrowAll(engines, sizes, (borrowed) => {
      const decoders = borrowed.map((engine) => new Decoder(engine, sources));
      return decode(texts, new EnsembleDecoder(decoders), boundary);
    });
    for (const text of texts) {
      crossEntropy += text.crossEntropy;
      correct += text.correct;
    }
    targets += batch.rowStart[batch.rows]!;
  }
  return { crossEntropy: crossEntropy / targets, accuracy: correct / targets, targets };
}
