import { describeValue, joinWords } from '../config/expectation.js';
import { findNearest } from '../config/nearest.js';
import { UserError } from '../errors.js';
import type { TrainOptions } from './train-options.js';

interface Option {
  expected: string;
  fits: (value: unknown) => boolean;
  required?: boolean;
}

const flag: Option = { expected: 'true or false', fits: (value) => typeof value === 'boolean' };

const known: Record<keyof TrainOptions, Option> = {
  runDir: {
    expected: 'the name of a directory',
    fits: (value) => typeof value === 'string' && value !== '',
    required: true,
  },
  resume: flag,
  override: flag,
  listener: { expected: 'a function', fits: (value) => typeof value === 'function' },
  signal: {
    expected: 'an AbortSignal',
    fits: (value) => typeof value === 'object' && value !== null && 'aborted' in value,
  },
};

/**
 * Callers in JavaScript have no compiler to tell them what they got wrong.
 *
 * @throws UserError naming the option that is missing, unknown or of another kind
 */
export function checkTrainOptions(options: TrainOptions): void {
  if (typeof options !== 'object' || (options as unknown) === null) {
    throw new UserError(`train: expected options with a runDir, got ${describeValue(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(known, name)) continue;
    const near = findNearest(name, Object.keys(known));
    throw new UserError(
      `train: ${name}: unknown option; ` +
        (near === undefined
          ? `expected one of ${joinWords(Object.keys(known))}`
          : `did you mean ${near}?`),
    );
  }
  for (const [name, { expected, fits, required = false }] of Object.entries(known)) {
    const value: unknown = options[name as keyof TrainOptions];
    if (value === undefined ? !required : fits(value)) continue;
    throw new UserError(`train: ${name}: expected ${expected}, got ${describeValue(value)}`);
  }
}
