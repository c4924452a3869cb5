/**
 * The library's public face. Its declarations name light types alone: a program that compiles against them needs no types of
 * packages that the library keeps to itself.
 */
// First, since a bundle fails in other people's modules otherwise, before this one can say what is wrong.
import './package-root.js';
import * as backends from './backend/select.js';
import { resolveConfig } from './config/load.js';
import type { ConfigInput } from './config/schema.js';
import type { Corpus } from './data/store/corpus.js';
import * as heldOut from './data/prepare/held-out.js';
import type { HeldOut, HeldOutModel } from './data/prepare/held-out.js';
import { checkPaths } from './data/input/check-paths.js';
import * as data from './data/prepare/prepare.js';
import { hearInLibraryTerms, refuseInLibraryTerms } from './library-terms.js';
import { checkListener, checkOpenArguments, checkTrainOptions } from './use/check-options.js';
import type { EndEvent, TrainListener } from './events.js';
import * as models from './use/model-file.js';
import * as runs from './train/run.js';
import type { TrainOptions } from './train/train-options.js';
import type { OpenOptions, TrainedModel } from './train/trained-model.js';

export { formatConfig, loadConfig, parseConfig, resolveConfig } from './config/load.js';
export type { NamedConfig } from './config/load.js';
export type { Config, ConfigInput } from './config/schema.js';
export type { Corpus, TrainSource } from './data/store/corpus.js';
export { readBatches, readExamples } from './data/formats/examples.js';
export type { BadRow, Example, ExampleOptions, RowBatch } from './data/formats/examples.js';
export type { Encoding } from './data/input/encodings.js';
export type { HeldOut, HeldOutModel } from './data/prepare/held-out.js';
export type { Manifest } from './data/store/manifest.js';
export type { ObjectFields, RowFields, RowOptions, TableFields } from './data/formats/rows.js';
export type { Format, Notify } from './data/input/sources.js';
export type { RowArrays, StoreVocabulary, TokenStore } from './data/store/token-store.js';
export type { SerializedTokenizer } from './data/tokenizers/serialized.js';
export type { Tokenizer } from './data/tokenizers/tokenizer.js';
export { UserError } from './errors.js';
export type * from './events.js';
export type { TrainOptions } from './train/train-options.js';
export type * from './train/trained-model.js';

/** A set of kernels, whether it can compute here, and why or why not. */
export interface BackendDescription {
  readonly name: 'native' | 'wasm' | 'reference';
  readonly available: boolean;
  readonly reason: string;
}

/** Every backend there is, the one that is preferred first. */
export function describeBackends(): BackendDescription[] {
  return backends.describeBackends();
}

/**
 * Trains a model as a config says, from the start or from where a run was left.
 *
 * @param config what `loadConfig` gives, or an object with what a config file says: keys that are left out have their
 *   defaults
 * @throws UserError when config, data or run directory cannot be used, or the run cannot go on
 */
export async function train(config: ConfigInput, options: TrainOptions): Promise<EndEvent> {
  checkTrainOptions(options);
  const { resume = false, listener = ignore, ...given } = options;
  return refuseInLibraryTerms(() =>
    runs.train(resolveConfig(config), { ...given, resume, listener: hearInLibraryTerms(listener) }),
  );
}

/**
 * Makes the token store of a config's corpus, or opens the one that is there if its sources and options are the same.
 *
 * @param config as for `train`
 * @param listener hears how it goes
 * @throws UserError that names file and line of what cannot be used
 */
export async function prepareCorpus(
  config: ConfigInput,
  listener: TrainListener = ignore,
): Promise<Corpus> {
  checkListener('prepareCorpus', listener);
  return data.prepareCorpus(resolveConfig(config), listener);
}

/**
 * Prepares files as a validation split of the model's corpus is prepared, so that the same file gives the same numbers:
 * `model.evaluate(heldOut.store)`.
 *
 * @param named what names the files, for messages
 * @throws UserError that names file and line of what cannot be used
 */
export async function prepareHeldOut(
  model: HeldOutModel,
  paths: readonly string[],
  named = 'paths',
  listener: TrainListener = ignore,
): Promise<HeldOut> {
  checkPaths('prepareHeldOut', paths);
  checkListener('prepareHeldOut', listener);
  return heldOut.prepareHeldOut(model, paths, named, listener);
}

/**
 * Opens a trained model.
 *
 * @param run directory of a run, or of one of its checkpoints
 * @throws UserError when there is no whole checkpoint
 */
export async function openModel(run: string, options: OpenOptions = {}): Promise<TrainedModel> {
  checkOpenArguments(run, options);
  return models.openModel(run, options);
}

function ignore(): void {
  // Nobody asked to hear.
}
