import { describeValue, joinWords } from '../config/expectation.js';
import { findNearest } from '../config/nearest.js';
import { UserError } from '../errors.js';
import type { AverageOptions } from '../run/average.js';
import type { PrepareOptions, TrainOptions } from '../train/train-options.js';
import type { TranslateOptions } from '../decoding/translation.js';
import type { CompareOptions } from '../decoding/translation-scores.js';
import type { GenerateOptions, OpenOptions, PredictManyOptions } from '../train/trained-model.js';

/** Callers in JavaScript have no compiler to tell them what they got wrong. */

export interface Option {
  expected: string;
  fits: (value: unknown) => boolean;
  required?: boolean;
}

export type Options<T> = Record<keyof T, Option>;

export const flag: Option = {
  expected: 'true or false',
  fits: (value) => typeof value === 'boolean',
};
export const listener: Option = {
  expected: 'a function',
  fits: (value) => typeof value === 'function',
};

const wholeNumber = (least: number, most: number): Option => ({
  expected:
    most === Number.MAX_SAFE_INTEGER
      ? `a whole number of at least ${least}`
      : `a whole number from ${least} to ${most}`,
  fits: (value) => Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most,
});

/** One of some texts. */
export function oneOf(...words: readonly string[]): Option {
  return {
    expected: joinWords(words.map((word) => JSON.stringify(word))),
    fits: (value) => words.some((word) => word === value),
  };
}

export const isPath = (value: unknown): boolean =>
  typeof value === 'string' && value !== '' && !value.includes('\0');

const trainOptions: Options<TrainOptions> = {
  runDir: {
    expected: 'the name of a directory',
    fits: isPath,
    required: true,
  },
  resume: flag,
  override: flag,
  listener,
  signal: {
    expected: 'an AbortSignal',
    fits: (value) => typeof value === 'object' && value !== null && 'aborted' in value,
  },
};

const prepareOptions: Options<PrepareOptions> = {
  signal: { expected: 'an AbortSignal', fits: (value) => value instanceof AbortSignal },
};

export const checkpoint: Option = {
  expected: '"best", "latest" or the name of a checkpoint',
  fits: isPath,
};

const openOptions: Options<OpenOptions> = {
  checkpoint,
  workers: wholeNumber(1, 1024),
  backend: oneOf('auto', 'native', 'wasm', 'reference'),
  onBatch: listener,
  notify: listener,
};

const translateOptions: Options<TranslateOptions> = {
  beam: wholeNumber(1, 1024),
  best: wholeNumber(1, 1024),
  lengthNormalisation: {
    expected: '"average" or a number of at least 0',
    fits: (value) => value === 'average' || (Number.isFinite(value) && Number(value) >= 0),
  },
  coveragePenalty: {
    expected: 'a number of at least 0',
    fits: (value) => Number.isFinite(value) && Number(value) >= 0,
  },
  noRepeat: wholeNumber(0, Number.MAX_SAFE_INTEGER),
  maxLength: wholeNumber(0, Number.MAX_SAFE_INTEGER),
  unknown: oneOf('replace', 'keep', 'avoid'),
  sampling: {
    expected: 'an object with temperature, topK and seed',
    fits: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  },
  attention: flag,
};

const compareOptions: Options<CompareOptions> = { lowercase: flag };

const predictManyOptions: Options<PredictManyOptions> = { ahead: wholeNumber(1, 2 ** 20) };

const averageOptions: Options<AverageOptions> = {
  last: wholeNumber(1, Number.MAX_SAFE_INTEGER),
  notify: listener,
};

const generateOptions: Options<GenerateOptions> = {
  prompt: { expected: 'text', fits: (value) => typeof value === 'string', required: true },
  length: wholeNumber(0, Number.MAX_SAFE_INTEGER),
  temperature: {
    expected: 'a number of at least 0',
    fits: (value) => Number.isFinite(value) && Number(value) >= 0,
  },
  topK: wholeNumber(0, Number.MAX_SAFE_INTEGER),
  // Beyond that two seeds would draw the same text.
  seed: wholeNumber(0, 2 ** 32 - 1),
};

const { temperature, topK, seed } = generateOptions;
const samplingOptions: Options<NonNullable<TranslateOptions['sampling']>> = {
  temperature: { ...temperature, required: true },
  topK: { ...topK, required: true },
  seed: { ...seed, required: true },
};

/** @throws UserError naming the option of `train` that is missing, unknown or of another kind */
export function checkTrainOptions(options: TrainOptions): void {
  checkOptions('train', options, trainOptions, 'options with a runDir');
}

/** @throws UserError naming the option of `prepareCorpus` that is unknown or of another kind */
export function checkPrepareOptions(options: PrepareOptions): void {
  checkOptions('prepareCorpus', options, prepareOptions, 'options');
}

/** @throws UserError naming what of `openModel`'s arguments is missing, unknown or of another kind */
export function checkOpenArguments(run: string, options: OpenOptions): void {
  if (!isPath(run)) {
    throw new UserError(
      `openModel: expected the directory of a run or of a checkpoint, got ${describeValue(run)}`,
    );
  }
  checkOptions('openModel', options, openOptions, 'options');
}

/** @throws UserError naming what of `openEnsemble`'s arguments is missing, unknown or of another kind */
export function checkEnsembleArguments(runs: readonly unknown[], options: OpenOptions): void {
  if (!Array.isArray(runs) || runs.length === 0 || !runs.every(isPath)) {
    throw new UserError(
      `openEnsemble: expected a list of directories of runs or checkpoints, got ${describeValue(runs)}`,
    );
  }
  checkOptions('openEnsemble', options, openOptions, 'options');
}

/** @throws UserError naming what of `averageCheckpoints`'s arguments is missing, unknown or of another kind */
export function checkAverageArguments(
  checkpoints: readonly unknown[],
  out: unknown,
  options: AverageOptions,
): void {
  if (!Array.isArray(checkpoints) || checkpoints.length === 0 || !checkpoints.every(isPath)) {
    throw new UserError(
      `averageCheckpoints: expected a list of directories of checkpoints or runs, got ${describeValue(checkpoints)}`,
    );
  }
  if (!isPath(out)) {
    throw new UserError(
      `averageCheckpoints: out: expected the name of a directory, got ${describeValue(out)}`,
    );
  }
  checkOptions('averageCheckpoints', options, averageOptions, 'options');
}

/** @throws UserError for inputs that are no iterable, and naming the option of `predictMany` that is unknown or of another kind */
export function checkPredictMany(inputs: unknown, options: PredictManyOptions): void {
  const isIterable =
    typeof inputs === 'object' &&
    inputs !== null &&
    (Symbol.asyncIterator in inputs || Symbol.iterator in inputs);
  if (!isIterable) {
    throw new UserError(
      `predictMany: expected a list, an iterable or an async iterable, got ${describeValue(inputs)}`,
    );
  }
  checkOptions('predictMany', options, predictManyOptions, 'options');
}

/** @throws UserError naming the option of `translate` that is unknown or of another kind */
export function checkTranslateOptions(options: TranslateOptions): void {
  checkOptions('translate', options, translateOptions, 'options');
  const { beam = 5, best = 1, sampling } = options;
  if (sampling) checkOptions('translate: sampling', sampling, samplingOptions, 'an object');
  if (sampling || best <= beam) return;
  throw new UserError(
    `translate: best: expected at most as many as the beam is wide (${beam}), got ${best}`,
  );
}

/** @throws UserError naming the option of `scoreTranslations` that is unknown or of another kind */
export function checkCompareOptions(options: CompareOptions): void {
  checkOptions('scoreTranslations', options, compareOptions, 'options');
}

/** @throws UserError naming the option of `generate` that is missing, unknown or of another kind */
export function checkGenerateOptions(options: GenerateOptions): void {
  checkOptions('generate', options, generateOptions, `options (${joinKeys(generateOptions)})`);
}

/** @throws UserError when what a function was given to hear events is no function */
export function checkListener(caller: string, given: unknown, name = 'listener'): void {
  if (listener.fits(given)) return;
  throw new UserError(
    `${caller}: ${name}: expected ${listener.expected}, got ${describeValue(given)}`,
  );
}

/**
 * @param passedOver options of others that may stand among these
 * @throws UserError naming the option that is missing, unknown or of another kind
 */
export function checkOptions<T extends object>(
  caller: string,
  options: T,
  known: Options<T>,
  expected: string,
  passedOver: readonly string[] = [],
): void {
  if (typeof options !== 'object' || (options as unknown) === null || Array.isArray(options)) {
    throw new UserError(`${caller}: expected ${expected}, got ${describeValue(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(known, name) || passedOver.includes(name)) continue;
    const near = findNearest(name, Object.keys(known));
    throw new UserError(
      `${caller}: ${name}: unknown option; ` +
        (near === undefined ? `expected one of ${joinKeys(known)}` : `did you mean ${near}?`),
    );
  }
  for (const [name, { expected, fits, required = false }] of Object.entries<Option>(known)) {
    const value: unknown = options[name as keyof T];
    if (value === undefined ? !required : fits(value)) continue;
    throw new UserError(`${caller}: ${name}: expected ${expected}, got ${describeValue(value)}`);
  }
}

function joinKeys(known: object): string {
  return joinWords(Object.keys(known));
}
