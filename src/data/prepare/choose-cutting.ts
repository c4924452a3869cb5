import { join, resolve } from 'node:path';
import type { Config } from '../../config/schema.js';
import { UserError } from '../../errors.js';
import { taskOf } from '../../tasks/registry.js';
import { readSealed, writeSealed } from '../store/sealed-json.js';
import { type CuttingOptions, cuttingOptions } from '../tokenizers/local-cutter.js';
import type { TokenizerConfig } from '../tokenizers/options.js';
import { serializedTokenizerSchema } from '../tokenizers/serialized.js';
import { tokenizerOf } from './given-tokens.js';
import { pieceVersion } from './pieces/piece.js';
import { type CorpusPlan, describeTokenizer, hash } from './plan.js';
import { totalBytes } from './plan-sources.js';
import type { PreparePool } from './pool.js';
import type { PrepareProgress } from './progress.js';
import { requireUnchanged } from './source-cache.js';
import type { Cutting } from './vocabulary.js';
import type { PairTexts } from './work/learn-bpe.js';

/** How texts are cut into tokens, before there is a vocabulary. */

/**
 * Of pairs how both sides are.
 *
 * @param cacheDir Where is kept what takes long to learn.
 */
export async function chooseCuttings(
  config: Config,
  { vocabulary, ...plan }: CorpusPlan,
  cacheDir: string,
  progress: PrepareProgress,
  createPool: (size: number) => PreparePool,
): Promise<Cutting> {
  const isOfPairs = taskOf(config.task).gives === 'pairs';
  if (vocabulary !== undefined) {
    const { tokenizer, sourceTokenizer = tokenizer } = vocabulary;
    const own = cuttingOptions(tokenizer);
    return {
      tokenizer: own,
      ...(isOfPairs && { sourceTokenizer: cuttingOptions(sourceTokenizer) }),
    };
  }
  const options = tokenizerOf(config);
  const choose = (side: CutSide): Promise<CuttingOptions> =>
    chooseCutting(config, plan, side, cacheDir, progress, createPool);
  if (!isOfPairs) return { tokenizer: await choose({ tokenizer: options, key: 'tokenizer' }) };
  const { sharedVocabulary, sourceTokenizer } = config.data;
  if (sharedVocabulary === true) {
    const shared = await choose({ tokenizer: options, key: 'tokenizer', texts: 'both' });
    return { tokenizer: shared, sourceTokenizer: shared };
  }
  const key = sourceTokenizer ? 'sourceTokenizer' : 'tokenizer';
  return {
    tokenizer: await choose({ tokenizer: options, key: 'tokenizer', texts: 'targets' }),
    sourceTokenizer: await choose({ tokenizer: sourceTokenizer ?? options, key, texts: 'sources' }),
  };
}

/** What a tokenizer is learned from, and the option that says of which kind it is. */
interface CutSide {
  readonly tokenizer: TokenizerConfig;
  readonly key: 'tokenizer' | 'sourceTokenizer';
  readonly texts?: PairTexts;
}

/** How texts are cut; what `bpe` has to learn for that is kept, because it takes long. */
async function chooseCutting(
  config: Config,
  plan: CorpusPlan,
  { tokenizer, key, texts }: CutSide,
  cacheDir: string,
  progress: PrepareProgress,
  createPool: (size: number) => PreparePool,
): Promise<CuttingOptions> {
  if (tokenizer.kind !== 'bpe') return cuttingOptions(tokenizer);
  const sources = plan.sources.map(({ path, target, from, stamp }) => {
    return [resolve(path), ...(target ? [resolve(target.path)] : []), from, stamp];
  });
  const path = join(
    cacheDir,
    `bpe-${hash([pieceVersion, plan.options, sources, ...(texts ? [texts] : [])]).slice(0, 16)}.json`,
  );
  const known = await readSealed(path, serializedTokenizerSchema);
  if (known?.kind === 'bpe') return known;
  progress.begin('survey', totalBytes(plan.sources));
  // On a thread of its own, whose memory is free when it has ended.
  const pool = createPool(1);
  try {
    const learned = await pool
      .run('learnBpe', { task: config.task, plan, tokenizer, ...(texts && { texts }) })
      .finally(() => Promise.all(plan.sources.map(requireUnchanged)));
    if (hash(await describeTokenizer(tokenizer)) !== hash(plan.options[key])) {
      throw new UserError(`${tokenizer.file!} changed while it was read: start again.`);
    }
    await writeSealed(path, learned);
    return learned;
  } finally {
    progress.stop();
    await pool.close();
  }
}
