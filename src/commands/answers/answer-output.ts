import { fstat, type Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import type { Options } from 'yargs';
import { type FilePair, isFilePair } from '../../data/input/file-pairs.js';
import type { ExampleOptions, RowBatch } from '../../data/formats/examples.js';
import { type Format, standardInput, tellsOther } from '../../data/input/sources.js';
import { UserError } from '../../errors.js';
import type { Context } from '../context.js';
import type { Library, OpenOptions, TrainedModel } from '../library.js';
import { toOpenOptions, wholeNumber } from '../options/options.js';
import type { Writer } from '../reading/own-files.js';
import { writePredictionFile } from './prediction-file.js';
import { inTerms, predictTerms, refuseInTerms } from '../reading/reading-terms.js';
import { printLines } from '../table.js';
import { expectUsed } from '../options/vain-options.js';

/** What commands have in common that answer the rows of an input one by one. */

export const filesPositional = {
  files: {
    type: 'string',
    array: true,
    default: [] as string[],
    describe: 'Files or globs; standard input when there are none',
  },
} as const;

export const answerOptions = {
  'on-bad-row': {
    choices: ['error', 'skip'] as const,
    requiresArg: true,
    describe:
      'What becomes of a row that cannot be used: it ends the command, or its answer is empty; as in the config by default',
  },
  overwrite: {
    type: 'boolean',
    default: false,
    describe:
      'Lets --out replace any file; without it, only one whose first lines show that this command wrote it',
  },
  prefix: {
    type: 'string',
    default: '',
    requiresArg: true,
    describe: 'Stands before the names of the columns that are added to those of the input',
  },
  'batch-size': {
    type: 'string',
    coerce: wholeNumber('batch-size', 1),
    default: 256,
    requiresArg: true,
    describe: 'Rows at a time, at most; what has arrived does not wait for more',
  },
} satisfies Record<string, Options>;

/** What is read, and what is made of it. */
export interface AnswerPlan {
  readonly paths: readonly string[] | FilePair;
  readonly reading: ExampleOptions;
  /** Gives the output, piece by piece. */
  answer(batches: AsyncIterable<RowBatch>): AsyncGenerator<string, void, undefined>;
  /** What is to be told of all answers, when they have been written. */
  describe(): string[];
}

export interface AnswerArguments {
  readonly run: string;
  readonly files: readonly string[];
  readonly out: string | undefined;
  readonly overwrite: boolean;
  /** Who writes. */
  readonly by: Writer;
  /** Of how the model is opened, and of how files are read. */
  readonly args: Parameters<typeof toOpenOptions>[0] &
    Parameters<typeof expectUsed>[0] & {
      readonly format?: Format | undefined;
      /** Further runs that answer together with the first. */
      readonly ensemble?: readonly string[];
    };
}

/** Opens a run, or several as an ensemble. */
export function openAny(
  { openModel, openEnsemble }: Pick<Library, 'openModel' | 'openEnsemble'>,
  run: string,
  ensemble: readonly string[] = [],
  options: OpenOptions,
): Promise<TrainedModel> {
  return ensemble.length === 0
    ? openModel(run, options)
    : openEnsemble([run, ...ensemble], options);
}

/** Opens a model, and writes what it makes of the rows of an input as they come. */
export async function answerInput(
  context: Context,
  { run, files, out, overwrite, by, args }: AnswerArguments,
  plan: (model: TrainedModel) => AnswerPlan,
): Promise<void> {
  const write = async (output: Writable, isOutput: (file: Stats) => boolean): Promise<boolean> => {
    const library = await context.loadLibrary();
    const { readBatches } = library;
    const model = await openAny(library, run, args.ensemble, toOpenOptions(args, context));
    try {
      const answers = plan(model);
      expectUsed(args, answers.paths, answers.reading);
      const notify = (message: string): void => printLines(context.stderr, [message]);
      const { paths, reading } = answers;
      const read = readBatches(paths, reading, notify);
      const asGiven = args.format === undefined && !isFilePair(paths);
      const told = asGiven ? telling(read, reading.format, notify) : read;
      const batches = sparing(told, out ?? '', isOutput);
      const lines = answers.answer(batches);
      try {
        const isWhole = await writeAnswers(lines, output, context);
        printLines(
          context.stderr,
          answers.describe().map((sentence) => inTerms(predictTerms, sentence)),
        );
        return isWhole;
      } finally {
        // A reader that still waits for the next line would keep the process.
        if (files.length === 0 || files.includes(standardInput)) process.stdin.destroy();
        await lines.return().catch(() => undefined);
      }
    } finally {
      await model.close();
    }
  };
  if (overwrite && out === undefined) {
    throw new UserError('--overwrite: expected --out beside it: standard output replaces no file');
  }
  await refuseInTerms(predictTerms, async () => {
    // To itself: nothing can be moved there.
    await (out === undefined || resolve(out) === '/dev/stdout'
      ? write(context.stdout, () => false)
      : writePredictionFile(out, by, overwrite, ({ stream, isSame }) => write(stream, isSame)));
  });
}

/** @returns Whether all answers were written: a signal may come before. */
async function writeAnswers(
  lines: AsyncIterable<string>,
  output: Writable,
  context: Context,
): Promise<boolean> {
  const source = Readable.from(lines);
  if (output === context.stdout) {
    await pipeline(source, output, { end: false });
    return true;
  }
  const caught = context.catchSignals(() => true);
  try {
    await pipeline(source, output, { signal: caught.signal });
    return true;
  } catch (error) {
    if (caught.status === undefined) throw error;
    context.status = caught.status;
    return false;
  } finally {
    caught.release();
  }
}

/** Passes rows on, and tells of the first file whose name says that it is none of the plain texts that the model was trained with. */
async function* telling(
  batches: AsyncIterable<RowBatch>,
  format: Format | undefined,
  notify: (message: string) => void,
): AsyncGenerator<RowBatch, void, undefined> {
  let hasTold = format !== 'text';
  for await (const batch of batches) {
    const other = hasTold ? undefined : tellsOther({ path: batch.source, format: 'text' });
    if (other !== undefined) {
      hasTold = true;
      notify(
        `${JSON.stringify(batch.source)} is read as plain text, as the training data was (data.format: text): --format ${other} reads it as its name says.`,
      );
    }
    yield batch;
  }
}

/** Passes rows on, unless they come from the file that the predictions would replace. */
async function* sparing(
  batches: AsyncIterable<RowBatch>,
  out: string,
  isOutput: (file: Stats) => boolean,
): AsyncGenerator<RowBatch, void, undefined> {
  const checked = new Set<string>();
  for await (const batch of batches) {
    const { source, target } = batch;
    for (const path of target === undefined ? [source] : [source, target]) {
      if (checked.has(path)) continue;
      checked.add(path);
      const file = await statInput(path);
      if (file === undefined || !isOutput(file)) continue;
      throw new UserError(`--out: ${out} is read as input, and would be lost: name another file`);
    }
    yield batch;
  }
}

/** What is known of a file that is read: of standard input too, which a shell may have taken from one. */
function statInput(path: string): Promise<Stats | undefined> {
  const found = path === standardInput ? promisify(fstat)(0) : stat(path);
  return found.catch(() => undefined);
}
