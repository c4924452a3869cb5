import type { BackendDescription } from '../backend/select.js';
import type { Config } from '../config/schema.js';
import type { Corpus } from '../data/store/corpus.js';
import type { ExampleOptions, RowBatch } from '../data/formats/examples.js';
import type { FilePair } from '../data/input/file-pairs.js';
import type { HeldOut, HeldOutFiles, HeldOutModel } from '../data/prepare/held-out.js';
import type { EndEvent, TrainListener } from '../events.js';
import type { CompareOptions, TranslationScores } from '../decoding/translation-scores.js';
import type { Translated, TranslateOptions, Translation } from '../decoding/translation.js';
import type { WebExport, WebExportOptions } from '../export/web-export.js';
import type { Averaged, AverageOptions } from '../run/average.js';
import type { NamedConfig } from '../config/load.js';
import type { DryRun } from '../train/dry-run.js';
import type {
  Evaluation,
  Likelihood,
  OpenOptions,
  Scorable,
  Sentence,
  TrainedModel,
} from '../train/trained-model.js';

/**
 * What the commands need of the library. It is loaded when a command first calls it, so that help
 * and mistyped options do not wait for it, and tests put their own in its place.
 */
export interface Library {
  train: (
    config: Config,
    options: {
      runDir: string;
      resume: boolean;
      override?: boolean;
      listener: TrainListener;
      signal?: AbortSignal;
    },
  ) => Promise<EndEvent>;
  dryRun: (
    config: NamedConfig,
    runDir: string,
    listener: TrainListener,
    signal: AbortSignal,
  ) => Promise<DryRun>;
  /** `run` is a run's directory or a checkpoint's. */
  openModel: (run: string, options?: OpenOptions) => Promise<TrainedModel>;
  /** Of translators, as one. */
  openEnsemble: (runs: readonly string[], options?: OpenOptions) => Promise<TrainedModel>;
  prepareCorpus: (config: Config, listener: TrainListener) => Promise<Corpus>;
  prepareHeldOut: (
    model: HeldOutModel,
    files: HeldOutFiles,
    named: string,
    listener: TrainListener,
  ) => Promise<HeldOut>;
  readBatches: (
    paths: readonly string[] | FilePair,
    options: ExampleOptions,
    notify?: (message: string) => void,
  ) => AsyncIterable<RowBatch>;
  scoreTranslations: (
    model: TrainedModel,
    files: FilePair | readonly (string | FilePair)[],
    named: string,
    options: CompareOptions,
  ) => Promise<TranslationScores>;
  averageCheckpoints: (
    checkpoints: readonly string[],
    out: string,
    options: AverageOptions,
  ) => Promise<Averaged>;
  exportForWeb: (run: string, out: string, options: WebExportOptions) => Promise<WebExport>;
  describeBackends: () => readonly BackendDescription[];
}

export type {
  DryRun,
  Evaluation,
  Likelihood,
  OpenOptions,
  Scorable,
  Sentence,
  TrainedModel,
  Translated,
  TranslateOptions,
  Translation,
  WebExport,
};
