import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../../config/schema.js';
import { UserError } from '../../errors.js';
import type { TrainListener } from '../../events.js';
import type { FeatureVocabulary } from '../features/features.js';
import { type FilePair, formatOfTables, isFilePair } from '../input/file-pairs.js';
import { tellsOther } from '../input/sources.js';
import { openCorpus } from '../store/corpus.js';
import { planHeldOut } from './plan.js';
import { buildStore, type PartSizes } from './build.js';
import { explainDiskError } from '../../system/disk-errors.js';
import { openWorkplace } from './workplace.js';
import { PrepareProgress } from './progress.js';
import type { TokenStore } from '../store/token-store.js';
import { taskOf } from '../../tasks/registry.js';
import type { TargetScale } from '../../tasks/target-scale.js';
import type { Tokenizer } from '../tokenizers/tokenizer.js';

/** Files that are measured with a model that has been trained on others. */
export interface HeldOut {
  readonly store: TokenStore;
  /** Rows that were left out, as `data.onBadRow` has it. */
  readonly badRows: number;
  /** Rows that lost tokens to `data.maxLength`. */
  readonly truncatedRows: number;
  /** Pairs that are left out since of a side the vocabulary has no token. */
  readonly emptyPairs: number;
  close(): Promise<void>;
}

/** What files have to be read like and with: see `TrainedModel`. */
export interface HeldOutModel {
  readonly config: Config;
  readonly tokenizer: Tokenizer;
  /** Of pairs that of the sources, where it is another one. */
  readonly sourceTokenizer?: Tokenizer | undefined;
  readonly classes: readonly string[];
  readonly targetScale?: TargetScale | undefined;
  /** What is known of tokens beside; nothing where absent. */
  readonly features?: readonly FeatureVocabulary[];
}

const workplaceName = 'lockstep-held-out';

/** Files or globs; of pairs also two text files or more whose lines belong together. */
export type HeldOutFiles = readonly string[] | FilePair;

/**
 * Prepares files as a validation split of the model's corpus is prepared, and by the same code, so
 * that the same file gives the same numbers. The store is kept in the directory for temporary files
 * until it is closed.
 *
 * @param named The option that names the files, for messages.
 * @param listener Hears `prepare` events and workers that die.
 * @throws UserError that names file and line of what cannot be used.
 */
export async function prepareHeldOut(
  { config, tokenizer, sourceTokenizer, classes, targetScale, features = [] }: HeldOutModel,
  files: HeldOutFiles,
  named: string,
  listener: TrainListener,
  sizes?: PartSizes,
): Promise<HeldOut> {
  // Of ours alone: what others left in a directory for everybody is not ours to remove.
  const workplace = await openWorkplace(tmpdir(), workplaceName, workplaceName);
  const { dir } = workplace;
  try {
    const place = {
      cacheDir: join(dir, 'pieces'),
      dir: join(dir, 'store'),
      scratch: join(dir, 'scratch'),
    };
    for (const each of Object.values(place)) await mkdir(each);
    const train = isFilePair(files) ? [pairOf(files)] : [...files];
    const isOfPairs = taskOf(config.task).gives === 'pairs';
    const format = isOfPairs ? formatOfTables(config.data.format) : config.data.format;
    const data = { ...config.data, format, train, validation: 0, test: 0, storeDir: dir };
    const measured: Config = { ...config, data };
    const plan = await planHeldOut(
      measured,
      named,
      {
        tokenizer: tokenizer.toJSON(),
        ...(sourceTokenizer && { sourceTokenizer: sourceTokenizer.toJSON() }),
        ...{ classes, targetScale, features },
      },
      (message) => listener({ type: 'notice', message }),
    );
    const odd = plan.sources.find(tellsOther);
    if (odd) {
      const message = `${named}: ${JSON.stringify(odd.path)} is read as plain text, as the training data was (data.format: text).`;
      listener({ type: 'notice', message });
    }
    const progress = new PrepareProgress(listener, dir);
    const manifest = await buildStore(measured, plan, place, progress, listener, { sizes });
    const weights = plan.sources.map(() => 1);
    const corpus = await openCorpus(place.dir, manifest, weights);
    let closed: Promise<void> | undefined;
    return {
      store: corpus.train,
      badRows: manifest.sources.reduce((rows, source) => rows + source.badRows, 0),
      truncatedRows: manifest.statistics.train.truncatedRows,
      emptyPairs: manifest.statistics.train.leftOut?.empty ?? 0,
      close: () => (closed ??= corpus.close().then(() => workplace.close())),
    };
  } catch (error) {
    await workplace.close();
    const message = explainDiskError(error, dir);
    throw message === undefined ? error : new UserError(message, { cause: error });
  }
}

const pairOf = ({ source, target }: FilePair) => {
  return { source: [...source], target: [...target], weight: 1 };
};
