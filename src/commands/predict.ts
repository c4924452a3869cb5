import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ExampleOptions, RowBatch } from '../data/formats/examples.js';
import { UserError } from '../errors.js';
import { type AnswerWriter, type Layout, openAnswerWriter } from './answer-layouts.js';
import { answerRows } from './answers.js';
import type { Context } from './context.js';
import { expectUse } from './expect-use.js';
import { defineCommand } from './define.js';
import { KnownLabels } from './known-labels.js';
import type { TrainedModel } from './library.js';
import {
  modelOptions,
  readingOptions,
  runPositional,
  toOpenOptions,
  wholeNumber,
} from './options.js';
import { writePredictionFile } from './prediction-file.js';
import { inTerms, predictTerms, refuseInTerms } from './reading-terms.js';
import { printLines } from './table.js';

export const predictCommand = (context: Context) =>
  defineCommand({
    command: 'predict <run> [files..]',
    describe: 'Tells the class of texts: rows of files, or lines of standard input',
    positionals: {
      ...runPositional,
      files: {
        type: 'string',
        array: true,
        default: [] as string[],
        describe: 'Files or globs; standard input when there are none',
      },
    },
    options: {
      ...modelOptions,
      ...readingOptions,
      'on-bad-row': {
        choices: ['error', 'skip'] as const,
        requiresArg: true,
        describe:
          'What becomes of a row that cannot be used: it ends the prediction, or its answer is empty; as in the config by default',
      },
      out: {
        type: 'string',
        requiresArg: true,
        describe: 'File to write (.csv or .jsonl); standard output by default',
      },
      overwrite: {
        type: 'boolean',
        default: false,
        describe: 'Lets --out replace a file that predict did not write',
      },
      to: {
        choices: ['csv', 'jsonl'] as const,
        requiresArg: true,
        describe: 'Layout of the output; by default that of --out, else csv',
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
    },
    async run({ run, files, out, overwrite, to, prefix, batchSize, ...args }) {
      const layout = to ?? layoutOf(out);
      const predict = async (output: Writable, isOutput: (file: Stats) => boolean) => {
        const { openModel, readBatches } = await context.loadLibrary();
        const model = await openModel(run, toOpenOptions(args, context));
        try {
          expectUse(model, run, 'predict', 'a classifier');
          const { paths, reading } = planReading(model, files, args);
          const notify = (message: string) => printLines(context.stderr, [message]);
          const batches = sparing(readBatches(paths, reading, notify), out ?? '', isOutput);
          const known = new KnownLabels(model.classes);
          const writer = openAnswerWriter(layout, model.classes, prefix);
          const lines = answer(model, batches, batchSize, known, writer);
          try {
            const isWhole = await writeAnswers(lines, output, context);
            const sentences = known.describe();
            printLines(
              context.stderr,
              sentences.map((sentence) => inTerms(predictTerms, sentence)),
            );
            return isWhole;
          } finally {
            // A reader that still waits for the next line would keep the process.
            if (files.length === 0) process.stdin.destroy();
            await lines.return().catch(() => undefined);
          }
        } finally {
          await model.close();
        }
      };
      // To itself: nothing can be moved there.
      await refuseInTerms(predictTerms, async () => {
        await (out === undefined || resolve(out) === '/dev/stdout'
          ? predict(context.stdout, () => false)
          : writePredictionFile(out, overwrite, ({ stream, isSame }) => predict(stream, isSame)));
      });
    },
  });

interface ReadingArguments {
  format?: ExampleOptions['format'];
  encoding?: ExampleOptions['encoding'];
  delimiter?: ExampleOptions['delimiter'];
  quote?: ExampleOptions['quote'];
  text?: string | number | undefined;
  label?: string | number | undefined;
  onBadRow?: 'error' | 'skip' | undefined;
}

/** What is read, and how: as the model's data was read, but for what is asked for. */
function planReading(
  { config: { data } }: Pick<TrainedModel, 'config'>,
  files: readonly string[],
  { format, encoding, delimiter, quote, text, label, onBadRow }: ReadingArguments,
): { paths: readonly string[]; reading: ExampleOptions } {
  const isPiped = files.length === 0;
  // Where columns have no names, another one for the text is another layout.
  const knowsLabel = data.header || text === undefined;
  return {
    paths: isPiped ? ['-'] : files,
    reading: {
      header: data.header,
      delimiter: delimiter ?? data.delimiter,
      quote: quote ?? data.quote,
      // Whoever pipes text into a model sends a row a line, in the encoding of terminals.
      format: format ?? (isPiped ? 'text' : data.format),
      encoding: encoding ?? (isPiped ? undefined : data.encoding),
      textUnit: isPiped ? 'line' : data.textUnit,
      text: text ?? data.text,
      label: label ?? (knowsLabel ? data.label : undefined),
      mayLackLabel: label === undefined,
      onBadRow: onBadRow ?? data.onBadRow,
      keep: true,
    },
  };
}

/** Answers rows, line by line as text. */
async function* answer(
  model: TrainedModel,
  batches: AsyncIterable<RowBatch>,
  batchSize: number,
  known: KnownLabels,
  writer: AnswerWriter,
): AsyncGenerator<string, void, undefined> {
  let isEmpty = true;
  for await (const answers of answerRows(model, batches, batchSize)) {
    isEmpty = false;
    known.add(answers);
    yield writer.write(answers);
  }
  if (isEmpty) yield writer.empty;
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

/** Passes rows on, unless they come from the file that the predictions would replace. */
async function* sparing(
  batches: AsyncIterable<RowBatch>,
  out: string,
  isOutput: (file: Stats) => boolean,
): AsyncGenerator<RowBatch, void, undefined> {
  let checked: string | undefined;
  for await (const batch of batches) {
    const source = (batch.rows[0] ?? batch.bad[0])?.source;
    if (source !== undefined && source !== checked) {
      checked = source;
      const file = await stat(source).catch(() => undefined);
      if (file !== undefined && isOutput(file)) {
        throw new UserError(`--out: ${out} is read as input, and would be lost: name another file`);
      }
    }
    yield batch;
  }
}

function layoutOf(out: string | undefined): Layout {
  const extension = out === undefined ? '.csv' : extname(out);
  if (extension === '.csv') return 'csv';
  if (extension === '.jsonl' || extension === '.ndjson') return 'jsonl';
  throw new UserError(`--out: expected a name that ends in .csv or .jsonl, or --to, got ${out!}`);
}
