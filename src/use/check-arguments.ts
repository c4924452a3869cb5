import { dataSchema } from '../config/data-schema.js';
import { describeValue } from '../config/expectation.js';
import { encodings } from '../data/input/encodings.js';
import type { ExampleOptions } from '../data/formats/examples.js';
import type { HeldOutModel } from '../data/prepare/held-out.js';
import { UserError } from '../errors.js';
import { checkOptions, flag, oneOf, type Options } from './check-options.js';

/** What the library's functions for configs and data are given: see check-options.ts. */

const columnName = {
  expected: 'the name or number of a column',
  fits: (value: unknown) => typeof value === 'string' || Number.isSafeInteger(value),
};

const readingOptions: Options<ExampleOptions> = {
  text: { ...columnName, required: true },
  label: columnName,
  format: oneOf('csv', 'tsv', 'jsonl', 'text', 'parquet', 'conll'),
  otherwise: oneOf('csv', 'tsv', 'jsonl', 'text', 'parquet', 'conll'),
  tagged: flag,
  labels: oneOf('class', 'number', 'text'),
  labelSeparator: {
    expected: 'the text that stands between labels',
    fits: (value) => typeof value === 'string' && value !== '',
  },
  decimalMark: oneOf('.', ','),
  columns: {
    expected: 'a list of names or numbers of columns',
    fits: (value) => Array.isArray(value) && value.every(columnName.fits),
  },
  delimiter: {
    expected: 'one character',
    fits: (value) => typeof value === 'string' && value.length === 1,
  },
  quote: oneOf('"', 'auto', 'none'),
  header: flag,
  encoding: oneOf(...encodings),
  textUnit: oneOf('line', 'paragraph', 'whole'),
  keep: flag,
  everyLine: flag,
  mayLackLabel: flag,
  onBadRow: oneOf('error', 'skip', 'quarantine'),
};

/** A config's `data` says how files are read, and more. */
const dataKeys = Object.keys(dataSchema.shape);

/** @throws UserError naming the option of reading that is missing, unknown or of another kind */
export function checkReadingOptions(caller: string, options: ExampleOptions): void {
  checkOptions(caller, options, readingOptions, 'options with a text', dataKeys);
}

/** @throws UserError when it is no text */
export function checkText(caller: string, name: string, given: unknown): void {
  if (typeof given === 'string') return;
  throw new UserError(`${caller}: ${name}: expected text, got ${describeValue(given)}`);
}

/** @throws UserError when they are no list of `key=value` */
export function checkOverrides(caller: string, overrides: unknown): void {
  if (Array.isArray(overrides) && overrides.every((each) => typeof each === 'string')) return;
  const odd: unknown = Array.isArray(overrides)
    ? overrides.find((each) => typeof each !== 'string')
    : overrides;
  throw new UserError(
    `${caller}: overrides: expected a list of texts (train.batchSize=64), got ${Array.isArray(overrides) ? 'in it ' : ''}${describeValue(odd)}`,
  );
}

/** @throws UserError when it is no model, nor holds what is asked of one */
export function checkHeldOutModel(caller: string, model: unknown): void {
  const given = model as Partial<HeldOutModel> | null | undefined;
  const isModel =
    typeof given === 'object' &&
    given !== null &&
    typeof given.config === 'object' &&
    typeof given.tokenizer?.encode === 'function' &&
    typeof given.tokenizer.toJSON === 'function' &&
    Array.isArray(given.classes);
  if (isModel) return;
  throw new UserError(
    `${caller}: expected a model, as openModel gives it, got ${describeValue(model)}`,
  );
}
