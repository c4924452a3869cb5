import { join, resolve } from 'node:path';
import type { Config } from '../../config/schema.js';
import { UserError } from '../../errors.js';
import { readSealed, writeSealed } from '../store/sealed-json.js';
import { type CuttingOptions, cuttingOptions } from '../tokenizers/local-cutter.js';
import { serializedTokenizerSchema } from '../tokenizers/serialized.js';
import { tokenizerOf } from './given-tokens.js';
import { pieceVersion } from './pieces/piece.js';
import { type CorpusPlan, describeTokenizer, hash, totalBytes } from './plan.js';
import type { PreparePool } from './pool.js';
import type { PrepareProgress } from './progress.js';
import { requireUnchanged } from './source-cache.js';

/**
 * How texts are cut; what `bpe` has to learn for that is kept, because it takes long.
 *
 * @throws UserError where a file of the tokenizer changes meanwhile
 */
export async function chooseCutting(
  config: Config,
  plan: CorpusPlan,
  cacheDir: string,
  progress: PrepareProgress,
  createPool: (size: number) => PreparePool,
): Promise<CuttingOptions> {
  if (plan.vocabulary !== undefined) return cuttingOptions(plan.vocabulary.tokenizer);
  const tokenizer = tokenizerOf(config);
  if (tokenizer.kind !== 'bpe') return cuttingOptions(tokenizer);
  const sources = plan.sources.map(({ path, from, stamp }) => [resolve(path), from, stamp]);
  const path = join(
    cacheDir,
    `bpe-${hash([pieceVersion, plan.options, sources]).slice(0, 16)}.json`,
  );
  const known = await readSealed(path, serializedTokenizerSchema);
  if (known?.kind === 'bpe') return known;
  progress.begin('survey', totalBytes(plan.sources));
  // On a thread of its own, whose memory is free when it has ended.
  const pool = createPool(1);
  try {
    const learned = await pool
      .run('learnBpe', { task: config.task, plan, tokenizer })
      .finally(() => Promise.all(plan.sources.map(requireUnchanged)));
    if (hash(await describeTokenizer(tokenizer)) !== hash(plan.options['tokenizer'])) {
      throw new UserError(`${tokenizer.file!} changed while it was read: start again.`);
    }
    await writeSealed(path, learned);
    return learned;
  } finally {
    progress.stop();
    await pool.close();
  }
}
