import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../../config/schema.js';
import { UserError } from '../../errors.js';
import { errorCode } from '../../system/error-code.js';
import type { TrainListener } from '../../events.js';
import { taskOf } from '../../tasks/registry.js';
import { describeFile } from '../store/corpus.js';
import { quarantineName } from '../store/file-names.js';
import { type Manifest, type ManifestSource, storeVersion } from '../store/manifest.js';
import { limitOf } from '../features/features.js';
import { checkLineEnds } from '../input/line-end-check.js';
import { listMixed, refuseEmptyTexts } from './oddities.js';
import { type CorpusPlan, hash } from './plan.js';
import { type PlannedSource, totalBytes } from './plan-sources.js';
import type { PrepareProgress } from './progress.js';
import { createLocalCutter } from '../tokenizers/local-cutter.js';
import { chooseCuttings } from './choose-cutting.js';
import type { ExtentRecord } from './pieces/records.js';
import { cutSources, type CutSource } from './cutting.js';
import { withSoundPieces } from './pieces/damaged-piece.js';
import type { BuildJob, EncodeJob } from './work/job.js';
import { pieceVersion } from './pieces/piece.js';
import { createPreparePool, inOrder, type PreparePool } from './pool.js';
import { writeQuarantine } from './quarantine.js';
import {
  type CachedSource,
  removeGone,
  requireUnchanged,
  SourceCache,
  type Surveyor,
} from './source-cache.js';
import { writeStore } from './store-writing.js';
import { countRepeats, type Cutting, learnVocabulary, recallVocabulary } from './vocabulary.js';

/** How large the parts are into which a corpus is divided. */
export interface PartSizes {
  /** Bytes of a file that one task cuts. */
  readonly extentBytes: number;
  /** Length of the text whose tokens are gathered in memory, in UTF-16 code units. */
  readonly pieceLength: number;
}

const usualSizes: PartSizes = { extentBytes: 32 << 20, pieceLength: 16 << 20 };

/** Starts those who do the work: threads, but in tests. */
export type StartPool = typeof createPreparePool;

/** How a store is built, beside what is in it. */
export interface BuildOptions {
  /** Of the parts into which the corpus is divided; the usual ones when absent. */
  readonly sizes?: PartSizes | undefined;
  /** Who does the work: threads when absent. */
  readonly startPool?: StartPool;
  /** When it aborts, the work ends as soon as it can and is refused with the reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Where a store is built. */
export interface BuildPlace {
  /** Where what has been cut is kept for the next time. */
  readonly cacheDir: string;
  /** An empty directory for the store. */
  readonly dir: string;
  /** An empty directory for files that are of no use afterwards. */
  readonly scratch: string;
}

/**
 * Prepares a corpus: cuts what has not been cut yet, makes the vocabulary and writes a store's files.
 *
 * @returns The manifest of the store, all other files of which are on disk.
 * @throws UserError for what cannot be used, the first such row in the order of the sources.
 */
export async function buildStore(
  config: Config,
  plan: CorpusPlan,
  place: BuildPlace,
  progress: PrepareProgress,
  listener: TrainListener,
  { sizes = usualSizes, startPool = createPreparePool, signal }: BuildOptions = {},
): Promise<Manifest> {
  const parts = plan.sources.reduce(
    (sum, { stamp }) => sum + Math.max(1, Math.ceil(stamp.bytes / sizes.extentBytes)),
    0,
  );
  const workers = Math.min(config.workers ?? availableParallelism(), parts);
  const handle = { tally: progress.tally, storeDir: config.data.storeDir };
  const createPool = (size: number): PreparePool => startPool(size, handle, listener, { signal });
  const tokenizer = await chooseCuttings(config, plan, place.cacheDir, progress, createPool);
  const pool = createPool(workers);
  const cache = new SourceCache();
  try {
    return await withSoundPieces([place.dir, place.scratch], listener, async () => {
      const cut = await cutCorpus(config, plan, tokenizer, place, progress, pool, sizes, cache);
      await checkLineEnds(streamsOf(config, cut), plan.reading, (message) =>
        listener({ type: 'notice', message }),
      );
      return writeCorpus(config, plan, tokenizer, cut, place, progress, pool);
    });
  } catch (error) {
    if (error instanceof UserError || errorCode(error) !== '') await cache.giveUp();
    throw error;
  } finally {
    progress.stop();
    await pool.close();
  }
}

/** The first stage; gives what was cut of each of the plan's sources. */
async function cutCorpus(
  { task, data }: Config,
  plan: CorpusPlan,
  tokenizers: Cutting,
  place: BuildPlace,
  progress: PrepareProgress,
  pool: PreparePool,
  sizes: PartSizes,
  cache: SourceCache,
): Promise<CutSource[]> {
  const cutting = {
    task,
    reading: plan.reading,
    ...tokenizers,
    features: plan.features,
    marks: plan.marks,
    pieceLength: sizes.pieceLength,
  };
  const key = hash({ pieceVersion, cutting, sizes }).slice(0, 16);
  const dir = join(place.cacheDir, key);
  await cache.make(dir);
  // A file may be named for two splits; it is cut once.
  const sources = Array.from(new Map(plan.sources.map((each) => [pathsOf(each), each])).values());
  const bytes = totalBytes(sources);
  const { rows } = taskOf(task);
  const divisible = (await createLocalCutter(tokenizers.tokenizer)).cutsAtLineFeeds;
  const surveyor: Surveyor = {
    survey: (source) =>
      pool
        .run('survey', {
          source,
          extentBytes:
            divisible || rows === 'apart' || source.format !== 'text' ? sizes.extentBytes : null,
          options: plan.reading,
        })
        .finally(() => requireUnchanged(source)),
  };
  progress.begin('survey', bytes);
  const cached: CachedSource[] = [];
  await inOrder(
    sources,
    pool.workers,
    (source) => cache.open(dir, source, surveyor),
    (source) => cached.push(source),
  );
  progress.begin('tokenize', bytes);
  const cut = await cutSources(cached, cutting, data, place.scratch, pool, progress.tally);
  await removeGone(dir, place.scratch);
  const byPaths = new Map(cut.map((each) => [pathsOf(each.cached.source), each]));
  return plan.sources.map((source) => byPaths.get(pathsOf(source))!);
}

/** The texts that are read as one stream. */
function streamsOf({ task }: Config, cut: readonly CutSource[]): PlannedSource[] {
  if (taskOf(task).rows !== 'joined') return [];
  const sources = cut.map(({ cached }) => cached.source);
  return sources.filter(({ format }) => format === 'text');
}

/** Of a source's file, or of both: the same text may have several translations. */
function pathsOf({ path, target }: PlannedSource): string {
  return target === undefined ? path : `${path}\0${target.path}`;
}

/** The second and the third stage. */
async function writeCorpus(
  config: Config,
  plan: CorpusPlan,
  cutting: Cutting,
  cut: readonly CutSource[],
  { dir, scratch }: BuildPlace,
  progress: PrepareProgress,
  pool: PreparePool,
): Promise<Manifest> {
  const { task, data } = config;
  const perToken = taskOf(task).gives === 'tokens';
  const { pieces, linesBefore } = placePieces(plan, cut);
  const { maxLength, truncate, maxSourceLength, maxRatio } = data;
  const pairs = cutting.sourceTokenizer && {
    plainBytes: cutting.sourceTokenizer.kind === 'byte',
    ...{ maxLength, maxSourceLength: maxSourceLength!, maxRatio: maxRatio! },
    areHeld: plan.vocabulary === undefined,
  };
  const plainBytes = cutting.tokenizer.kind === 'byte';
  const job: BuildJob = {
    ...{ task, fractions: plan.fractions, plainBytes, pieces, scratch },
    ...(pairs && { pairs }),
  };
  const bytes = pieces.reduce((sum, { record }) => sum + record.bytes, 0);
  const path = join(scratch, 'count.json');
  await writeFile(path, JSON.stringify(job));

  progress.begin('vocabulary', bytes);
  const { tokenizer, sourceTokenizer, classes, targetScale, features, ...distinct } =
    plan.vocabulary === undefined
      ? await learnVocabulary(config, job, path, pool, cutting)
      : recallVocabulary(plan.vocabulary, pairs !== undefined);
  const { duplicates, ...sharedRows } = await countRepeats(job, path, pool);

  progress.begin('write', bytes);
  // Tags and features of tokens are written as tokens are.
  const ids = Math.max(
    tokenizer.vocabularySize,
    sourceTokenizer?.vocabularySize ?? 0,
    perToken ? classes.length : 0,
    ...features.map(limitOf),
  );
  const idBytes = ids <= 2 ** 16 ? 2 : 4;
  const encodeJob: EncodeJob = {
    ...job,
    tokenizer: tokenizer.toJSON(),
    ...(sourceTokenizer && { sourceTokenizer: sourceTokenizer.toJSON() }),
    classes,
    features,
    maxLength,
    truncate,
    idBytes,
    dir,
  };
  const encodePath = join(scratch, 'encode.json');
  await writeFile(encodePath, JSON.stringify(encodeJob));
  const { splits, statistics } = await writeStore(plan, encodeJob, encodePath, linesBefore, pool);
  const made = {
    splits: { ...splits, train: splits.train! },
    statistics: { ...statistics, train: statistics.train! },
  };
  // What is only measured is measured as it is.
  if (plan.vocabulary === undefined) refuseEmptyTexts(data, made);
  if (data.onBadRow === 'quarantine') {
    await writeQuarantine(join(dir, quarantineName), pieces, linesBefore, plan.sources);
  }
  await Promise.all(plan.sources.map(requireUnchanged));
  const sources = plan.sources.map((source, i) => describeSource(source, cut[i]!));
  const contents = sources.map(({ name, from, sha256 }, i) => [
    name,
    from,
    plan.sources[i]!.format,
    sha256,
  ]);
  return {
    version: storeVersion,
    fingerprint: hash({ storeVersion, options: plan.options, contents }),
    options: plan.options,
    sources,
    tokenizer: tokenizer.toJSON(),
    // Named once where it is the same.
    ...(sourceTokenizer &&
      sourceTokenizer !== tokenizer && { sourceTokenizer: sourceTokenizer.toJSON() }),
    classes: [...classes],
    mixedClasses: listMixed(pieces.map(({ record }) => record)),
    ...(targetScale && { targetScale }),
    ...(features.length > 0 && { features: [...features] }),
    idBytes,
    ...distinct,
    duplicateRows: duplicates,
    sharedRows,
    ...made,
    quarantine: (await describeFile(join(dir, quarantineName))) ?? null,
  };
}

/** Lays out all pieces in the order of the sources. */
function placePieces(
  { sources }: CorpusPlan,
  cut: readonly CutSource[],
): { pieces: BuildJob['pieces']; linesBefore: number[] } {
  const pieces: BuildJob['pieces'][number][] = [];
  const linesBefore: number[] = [];
  sources.forEach(({ name, from }, source) => {
    const { cached, extents } = cut[source]!;
    const sourceTokens = extents.reduce((sum, each) => sum + countTokens(each), 0);
    let [rowsBefore, tokensBefore, lines] = [0, 0, 0];
    for (const extent of extents) {
      for (const record of extent.pieces) {
        const place = { source, name, from, rowsBefore, tokensBefore, sourceTokens };
        pieces.push({ dir: cached.dir, ...place, record });
        linesBefore.push(lines);
        tokensBefore += record.tokens;
      }
      rowsBefore += extent.rows;
      lines += extent.lines;
    }
  });
  return { pieces, linesBefore };
}

function countTokens({ pieces }: ExtentRecord): number {
  return pieces.reduce((sum, { tokens }) => sum + tokens, 0);
}

function describeSource(
  { path, target, name, from, stamp }: PlannedSource,
  cut: CutSource,
): ManifestSource {
  const pieces = cut.extents.flatMap((extent) => extent.pieces);
  return {
    path,
    ...(target && { target: target.path }),
    name,
    from,
    ...stamp,
    sha256: cut.cached.sha256,
    rows: pieces.reduce((sum, each) => sum + each.rows, 0),
    badRows: pieces.reduce((sum, each) => sum + each.badRows, 0),
  };
}
