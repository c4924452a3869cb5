/**
 * The library's public face. Its declarations name light types alone: a program that compiles against them needs no types of
 * packages that the library keeps to itself.
 */
// First, since a bundle fails in other people's modules otherwise, before this one can say what is wrong.
import './package-root.js';
import { resolve } from 'node:path';
import * as backends from './backend/select.js';
import * as configs from './config/load.js';
import type { NamedConfig } from './config/load.js';
import type { Config, ConfigInput } from './config/schema.js';
import type { Corpus } from './data/store/corpus.js';
import * as examples from './data/formats/examples.js';
import type { Example, ExampleOptions, RowBatch } from './data/formats/examples.js';
import * as heldOut from './data/prepare/held-out.js';
import type { HeldOut, HeldOutFiles, HeldOutModel } from './data/prepare/held-out.js';
import { type FilePair, isFilePair } from './data/input/file-pairs.js';
import { checkPaths } from './data/input/check-paths.js';
import type { Notify } from './data/input/sources.js';
import * as data from './data/prepare/prepare.js';
import { readPairs } from './data/prepare/read-pairs.js';
import type { EndEvent, TrainEvent, TrainListener } from './events.js';
import { Hearing } from './hearing.js';
import { hearInLibraryTerms, refuseInLibraryTerms, refuseInPlace } from './library-terms.js';
import { checkExportArguments } from './export/check-arguments.js';
import * as webExports from './export/web.js';
import type { WebExport, WebExportOptions } from './export/web-export.js';
import * as averages from './run/average.js';
import type { Averaged, AverageOptions } from './run/average.js';
import { streamEvents } from './train/event-stream.js';
import * as runs from './train/run.js';
import { anyOf } from './train/stop-signal.js';
import type { PrepareOptions, TrainOptions } from './train/train-options.js';
import type { OpenOptions, TrainedModel } from './train/trained-model.js';
import {
  checkHeldOutModel,
  checkOverrides,
  checkReadingOptions,
  checkText,
} from './use/check-arguments.js';
import {
  checkAverageArguments,
  checkCompareOptions,
  checkEnsembleArguments,
  checkListener,
  checkOpenArguments,
  checkPrepareOptions,
  checkTrainOptions,
} from './use/check-options.js';
import * as ensembles from './use/ensemble.js';
import * as models from './use/model-file.js';
import * as translationScores from './decoding/translation-scores.js';
import type { CompareOptions, TranslationScores } from './decoding/translation-scores.js';

export type { NamedConfig } from './config/load.js';
export type { Config, ConfigInput } from './config/schema.js';
export type { Corpus, TrainSource } from './data/store/corpus.js';
export type { BadRow, Example, ExampleOptions, RowBatch } from './data/formats/examples.js';
export type { DrawOptions } from './decoding/draw-options.js';
export type * from './decoding/translation.js';
export type { FeatureVocabulary } from './data/features/features.js';
export type { Encoding } from './data/input/encodings.js';
export type { FilePair } from './data/input/file-pairs.js';
export type { HeldOut, HeldOutFiles, HeldOutModel } from './data/prepare/held-out.js';
export type { Manifest } from './data/store/manifest.js';
export type {
  LineFields,
  ObjectFields,
  RowFields,
  RowOptions,
  TableFields,
} from './data/formats/rows.js';
export type { MeasureName, MeasureValues } from './measures.js';
export type { Measures, NumberMeasures, Score } from './tasks/task.js';
export type { TargetScale } from './tasks/target-scale.js';
export type { DecimalMark } from './data/formats/numbers.js';
export type { Format, Notify } from './data/input/sources.js';
export type { RowArrays, StoreVocabulary, TokenStore } from './data/store/token-store.js';
export type { SerializedTokenizer } from './data/tokenizers/serialized.js';
export type { Tokenizer } from './data/tokenizers/tokenizer.js';
export { UserError } from './errors.js';
export type * from './events.js';
export type * from './export/web-export.js';
export type { Averaged, AverageOptions } from './run/average.js';
export type { CompareOptions, TranslationScores } from './decoding/translation-scores.js';
export type { StopSignal } from './train/stop-signal.js';
export type { PrepareOptions, TrainOptions } from './train/train-options.js';
export type * from './train/trained-model.js';

/** A set of kernels, whether it can compute here, and why or why not. */
export interface BackendDescription {
  readonly name: 'native' | 'wasm' | 'reference';
  readonly available: boolean;
  readonly reason: string;
  /** What multiplies bfloat16 there (`train.precision`): the tiles of AMX several times as fast as anything multiplies float32, multiply-adds about as fast. */
  readonly bfloat16: 'AMX' | 'multiply-adds';
}

/** Every backend there is, the one that is preferred first. */
export function describeBackends(): BackendDescription[] {
  return backends.describeBackends();
}

/**
 * Reads a YAML config file: defaults < file < overrides (`train.batchSize=64`), deep-frozen.
 *
 * @throws UserError listing every problem, one a line: `file:line:column: key: expected …, got …`
 */
export async function loadConfig(
  path: string,
  overrides: readonly string[] = [],
): Promise<NamedConfig> {
  checkText('loadConfig', 'path', path);
  checkOverrides('loadConfig', overrides);
  return configs.loadConfig(path, overrides);
}

/** Like `loadConfig`, for a text at hand; `fileName` stands in messages and gives the name. */
export function parseConfig(
  text: string,
  fileName: string,
  overrides: readonly string[] = [],
): NamedConfig {
  checkText('parseConfig', 'text', text);
  checkText('parseConfig', 'fileName', fileName);
  checkOverrides('parseConfig', overrides);
  return configs.parseConfig(text, fileName, overrides);
}

/**
 * Like `parseConfig`, for an object: what a config file would say. One that is complete already stays as it is.
 *
 * @throws UserError listing every problem, one a line: `config: key: expected …, got …`
 */
export function resolveConfig(config: ConfigInput): NamedConfig {
  return configs.resolveConfig(config);
}

/** The resolved configuration as YAML; `parseConfig` reads it back to an equal one. */
export function formatConfig(config: Config): string {
  configs.resolveConfig(config);
  return configs.formatConfig(config);
}

/**
 * Streams the rows of files, globs or standard input (`-`), one example for each: a row of a CSV or
 * Parquet file, an object of a JSONL, a line of a plain text. Bad rows are errors, or left out.
 *
 * @param notify hears of files that are named more than once, and are read once
 * @throws UserError that names file, line and column at fault
 */
export async function* readExamples(
  paths: readonly string[],
  options: ExampleOptions,
  notify: Notify = ignore,
): AsyncGenerator<Example, void, undefined> {
  for await (const { rows } of read('readExamples', paths, options, notify)) yield* rows;
}

/** As `readExamples`, in batches as the rows arrive, with the bad ones. */
export async function* readBatches(
  paths: readonly string[] | FilePair,
  options: ExampleOptions,
  notify: Notify = ignore,
): AsyncGenerator<RowBatch, void, undefined> {
  yield* read('readBatches', paths, options, notify);
}

async function* read(
  caller: string,
  paths: readonly string[] | FilePair,
  options: ExampleOptions,
  notify: Notify,
): AsyncGenerator<RowBatch, void, undefined> {
  if (isFilePair(paths)) {
    checkPaths(`${caller}: source`, paths.source);
    checkPaths(`${caller}: target`, paths.target);
  } else checkPaths(caller, paths);
  checkReadingOptions(caller, options);
  checkListener(caller, notify, 'notify');
  const hearing = new Hearing(notify);
  for await (const batch of examples.readBatches(paths, options, hearing.hear)) {
    hearing.expectWell();
    yield batch;
  }
  await hearing.settle();
}

/**
 * Trains a model as a config says, from the start or from where a run was left.
 *
 * @param config what `loadConfig` gives, or an object with what a config file says: keys that are left out have their
 *   defaults
 * @throws UserError when config, data or run directory cannot be used, or the run cannot go on; what the listener throws; the reason of a signal
 *   that aborts while the data is being prepared
 */
export async function train(config: ConfigInput, options: TrainOptions): Promise<EndEvent> {
  checkTrainOptions(options);
  const { resume = false, listener = ignore, ...given } = options;
  // A program may move to another directory while it trains.
  const runDir = resolve(given.runDir);
  const hearing = new Hearing(hearInLibraryTerms(listener));
  return refuseInLibraryTerms(() =>
    hearing.during(() =>
      runs.train(configs.resolveConfig(config), {
        ...{ ...given, runDir, resume },
        listener: hearing.hear,
      }),
    ),
  );
}

/**
 * Trains as `train` does, and gives the events as they come. Who leaves the loop before the end, or aborts `signal`, has the step under way be finished, a checkpoint
 * written and the run ended, which `resume` goes on with; or, while the data is being prepared, that ended alone. The training waits for no reader: of more than a thousand
 * events that wait, the oldest steps are left out.
 *
 * @throws UserError as `train` does; what the listener throws; the reason of a signal that aborts while the data is being prepared
 */
export async function* trainEvents(
  config: ConfigInput,
  options: TrainOptions,
): AsyncGenerator<TrainEvent, void, undefined> {
  checkTrainOptions(options);
  const { listener = ignore, signal: given, ...others } = options;
  // What it returns may be a promise, which is waited for.
  const listen: (event: TrainEvent) => unknown = listener;
  yield* streamEvents((hear, left) =>
    train(config, {
      ...others,
      signal: anyOf(left, given),
      listener: (event) => {
        hear(event);
        return listen(event);
      },
    }),
  );
}

/**
 * Makes the token store of a config's corpus, or opens the one that is there if its sources and options are the same.
 *
 * @param config as for `train`
 * @param listener hears how it goes
 * @throws UserError that names file and line of what cannot be used; what the listener throws; the reason of a signal that aborts
 */
export async function prepareCorpus(
  config: ConfigInput,
  listener: TrainListener = ignore,
  options: PrepareOptions = {},
): Promise<Corpus> {
  checkListener('prepareCorpus', listener);
  checkPrepareOptions(options);
  const hearing = new Hearing(listener);
  return refuseInPlace(() =>
    hearing.during(
      () => data.prepareCorpus(configs.resolveConfig(config), hearing.hear, { ...options }),
      (corpus) => corpus.close(),
    ),
  );
}

/**
 * Prepares files as a validation split of the model's corpus is prepared, so that the same file gives the same numbers:
 * `model.evaluate(heldOut.store)`.
 *
 * @param files paths and globs; of a translator also `{ source, target }`, lists of text files whose lines belong together
 * @param named what names the files, for messages
 * @throws UserError that names file and line of what cannot be used; what the listener throws
 */
export async function prepareHeldOut(
  model: HeldOutModel,
  files: HeldOutFiles,
  named = 'paths',
  listener: TrainListener = ignore,
): Promise<HeldOut> {
  checkHeldOutModel('prepareHeldOut', model);
  if (isFilePair(files)) {
    checkPaths('prepareHeldOut: source', files.source);
    checkPaths('prepareHeldOut: target', files.target);
  } else checkPaths('prepareHeldOut', files);
  checkText('prepareHeldOut', 'named', named);
  checkListener('prepareHeldOut', listener);
  const hearing = new Hearing(listener);
  return refuseInPlace(() =>
    hearing.during(
      () => heldOut.prepareHeldOut(model, files, named, hearing.hear),
      (prepared) => prepared.close(),
    ),
  );
}

/**
 * Translates what the pairs of files have as source, and compares it with their targets: BLEU and chrF as sacreBLEU counts them, and
 * the share of translations that are those that are given.
 *
 * @param files tables with both sides, or two text files or more whose lines belong together
 * @throws UserError that names file and line of what cannot be used
 */
export async function scoreTranslations(
  model: TrainedModel,
  files: FilePair | readonly (string | FilePair)[],
  named = 'paths',
  options: CompareOptions = {},
): Promise<TranslationScores> {
  checkHeldOutModel('scoreTranslations', model);
  checkText('scoreTranslations', 'named', named);
  checkCompareOptions(options);
  const all = isFilePair(files) ? [files] : files;
  const pairs = readPairs(model.config, all, named);
  return translationScores.scoreTranslations(model, pairs, {}, { ...options });
}

/**
 * Opens a trained model.
 *
 * @param run directory of a run, or of one of its checkpoints
 * @throws UserError when there is no whole checkpoint; what `notify` throws
 */
export async function openModel(run: string, options: OpenOptions = {}): Promise<TrainedModel> {
  checkOpenArguments(run, options);
  const hearing = new Hearing(
    options.notify ?? ((message: string) => process.emitWarning(message)),
  );
  return hearing.during(
    () => models.openModel(run, { ...options, notify: hearing.hear }),
    (model) => model.close(),
  );
}

/**
 * Opens translators as one model, which translates and scores translations: in every step tokens are as likely as they are to the
 * members on average.
 *
 * @param runs directories of runs or checkpoints
 * @throws UserError as `openModel`, and where their vocabularies, or how much they read of a source, are not the same
 */
export async function openEnsemble(
  runs: readonly string[],
  options: OpenOptions = {},
): Promise<TrainedModel> {
  checkEnsembleArguments(runs, options);
  const hearing = new Hearing(
    options.notify ?? ((message: string) => process.emitWarning(message)),
  );
  return hearing.during(
    () => ensembles.openEnsemble(runs, { ...options, notify: hearing.hear }),
    (model) => model.close(),
  );
}

/**
 * Makes a run of the mean of the weights of several checkpoints; `openModel` and all else take it as any.
 *
 * @param checkpoints directories of checkpoints, or of runs, whose best one is meant
 * @param out directory of the run that is made: a new one, or one that is empty
 * @throws UserError for checkpoints whose weights cannot be averaged; what `notify` throws
 */
export async function averageCheckpoints(
  checkpoints: readonly string[],
  out: string,
  options: AverageOptions = {},
): Promise<Averaged> {
  checkAverageArguments(checkpoints, out, options);
  const hearing = new Hearing(
    options.notify ?? ((message: string) => process.emitWarning(message)),
  );
  return refuseInLibraryTerms(() =>
    hearing.during(() =>
      averages.averageCheckpoints(checkpoints, out, { ...options, notify: hearing.hear }),
    ),
  );
}

/**
 * Writes a run's model for browsers and the edge: an ES module with its declarations, the kernels, the weights and a page.
 *
 * @param run directory of a run, or of one of its checkpoints
 * @param out directory that is made: a new one, or one that is empty; with `overwrite` also an earlier export
 * @throws UserError where there is no whole checkpoint, the model needs what browsers have not, or something is in the way; what the
 *   listener throws
 */
export async function exportForWeb(
  run: string,
  out: string,
  options: WebExportOptions = {},
): Promise<WebExport> {
  checkExportArguments(run, out, options);
  const { listener = ignore, ...given } = options;
  const hearing = new Hearing(listener);
  return refuseInLibraryTerms(() =>
    hearing.during(() => webExports.exportForWeb(run, out, { ...given, listener: hearing.hear })),
  );
}

function ignore(): void {
  // Nobody asked to hear.
}
