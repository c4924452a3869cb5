import type { Options } from 'yargs';
import { dataSchema } from '../../config/data-schema.js';
import { encodings } from '../../data/input/encodings.js';
import { UserError } from '../../errors.js';
import type { Context } from '../context.js';
import type { OpenOptions } from '../library.js';
import { printLines } from '../table.js';

/** Options that several commands share, and the checks of options' values. */

export const configOptions = {
  config: {
    type: 'string',
    demandOption: true,
    requiresArg: true,
    describe: 'Config file (YAML)',
  },
  set: {
    type: 'string',
    array: true,
    default: [] as string[],
    requiresArg: true,
    describe: 'Changes a key of the config: train.batchSize=64',
  },
} satisfies Record<string, Options>;

export const computeOptions = {
  workers: {
    coerce: wholeNumber('workers', 1, 1024),
    requiresArg: true,
    type: 'string',
    describe: 'Threads that compute; every core by default',
  },
  backend: {
    choices: ['auto', 'native', 'wasm', 'reference'] as const,
    requiresArg: true,
    describe: 'Kernels that compute; native where it can, else wasm, by default',
  },
} satisfies Record<string, Options>;

export const quietOption = {
  quiet: {
    type: 'boolean',
    default: false,
    describe: 'Prints errors and the result, and no progress',
  },
} satisfies Record<string, Options>;

export const modelOptions = {
  checkpoint: {
    type: 'string',
    requiresArg: true,
    describe:
      "Which of the run's checkpoints: best, latest or a name such as step-00001200; the best by default",
  },
  ...computeOptions,
} satisfies Record<string, Options>;

/** Of translators. */
export const ensembleOptions = {
  ensemble: {
    type: 'string',
    array: true,
    nargs: 1,
    default: [] as string[],
    requiresArg: true,
    describe:
      'A further run or checkpoint of the same vocabulary, to translate together: tokens are as likely as on average; may be given several times',
  },
} satisfies Record<string, Options>;

/** How files are read that a trained model is used on; by default as its config says. */
export const readingOptions = {
  format: {
    choices: ['csv', 'tsv', 'jsonl', 'text', 'parquet', 'conll'] as const,
    requiresArg: true,
    describe: "Layout of the files; by default that of the config, else told from each name's end",
  },
  encoding: {
    choices: encodings,
    requiresArg: true,
    describe: 'How characters are written; that of the config by default',
  },
  delimiter: {
    type: 'string',
    coerce: delimiterOption,
    requiresArg: true,
    describe: 'What divides the cells of a table (\\t for a tab); that of the config by default',
  },
  quote: {
    choices: ['"', 'auto', 'none'] as const,
    requiresArg: true,
    describe: 'What quotes the cells of a table; that of the config by default',
  },
  text: {
    type: 'string',
    coerce: columnOption('text'),
    requiresArg: true,
    describe: 'Column or field that holds the text, or its number; that of the config by default',
  },
  label: {
    type: 'string',
    coerce: columnOption('label'),
    requiresArg: true,
    describe: 'Column or field that holds the class, or its number; that of the config by default',
  },
} satisfies Record<string, Options>;

export const runPositional = {
  run: { type: 'string', demandOption: true, describe: 'Directory of a run or of a checkpoint' },
} as const;

/** Options for `openModel`; what it has to tell goes where errors go. */
export function toOpenOptions(
  args: {
    checkpoint: string | undefined;
    workers: number | undefined;
    backend: 'auto' | 'native' | 'wasm' | 'reference' | undefined;
  },
  { stderr }: Pick<Context, 'stderr'>,
): OpenOptions {
  const { checkpoint, workers, backend } = args;
  return {
    ...(checkpoint !== undefined && { checkpoint }),
    ...(workers !== undefined && { workers }),
    ...(backend !== undefined && { backend }),
    notify: (message) => printLines(stderr, [message]),
  };
}

/** A check for `--name`: a whole number from `minimum` to `maximum`. */
export function wholeNumber(
  name: string,
  minimum: number,
  maximum = Infinity,
): (given: unknown) => number {
  const range = maximum === Infinity ? `of at least ${minimum}` : `from ${minimum} to ${maximum}`;
  return (given) => {
    expectOnce(name, given);
    const value = toNumber(given);
    if (!Number.isSafeInteger(value) || value < minimum || value > maximum) {
      throw new UserError(
        `--${name}: expected a whole number ${range}, got ${JSON.stringify(given)}`,
      );
    }
    return value;
  };
}

/**
 * A check for `--name`: a finite number of at least `minimum`.
 *
 * @param instead begins what was expected, where something else may stand there, too
 */
export function numberFrom(
  name: string,
  minimum: number,
  maximum = Infinity,
  instead = '',
): (given: unknown) => number {
  return (given) => {
    expectOnce(name, given);
    const value = toNumber(given);
    if (!Number.isFinite(value) || value < minimum || value > maximum) {
      const range =
        maximum === Infinity ? `of at least ${minimum}` : `from ${minimum} to ${maximum}`;
      throw new UserError(
        `--${name}: expected ${instead}a number ${range}, got ${JSON.stringify(given)}`,
      );
    }
    return value;
  };
}

/** Reads `--name` as the name of a column, or its number, as config files have them. */
function columnOption(name: string): (given: unknown) => string | number | undefined {
  return (given) => {
    expectOnce(name, given);
    if (typeof given !== 'string') return undefined;
    return /^[1-9]\d{0,8}$/.test(given) ? Number(given) : given;
  };
}

/** Reads `--delimiter`, in which a tab may be written as messages write it. */
function delimiterOption(given: unknown): string | undefined {
  expectOnce('delimiter', given);
  if (typeof given !== 'string') return undefined;
  const { data: delimiter } = dataSchema.shape.delimiter.safeParse(given === '\\t' ? '\t' : given);
  if (delimiter !== undefined) return delimiter;
  throw new UserError(
    `--delimiter: expected one character (\\t for a tab), no quotation mark and no end of a line, got ${JSON.stringify(given)}`,
  );
}

/** yargs makes a list of an option that is given twice. */
export function expectOnce(name: string, given: unknown): void {
  if (!Array.isArray(given)) return;
  throw new UserError(`--${name}: expected once, got it ${given.length} times`);
}

/** NaN for all that is not the plain text of a number; defaults come as numbers already. */
function toNumber(given: unknown): number {
  if (typeof given === 'number') return given;
  return typeof given === 'string' && given.trim() !== '' ? Number(given) : NaN;
}
