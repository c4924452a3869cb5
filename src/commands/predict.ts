import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { columnsOf, featuresOf } from '../data/features/features.js';
import type { ExampleOptions, RowBatch } from '../data/formats/examples.js';
import { UserError } from '../errors.js';
import { type AnswerWriter, type Layout, openAnswerWriter } from './answer-layouts.js';
import { answerRows } from './answers.js';
import type { Context } from './context.js';
import { expectUse } from './expect-use.js';
import { defineCommand } from './define.js';
import { KnownNumbers } from './known-numbers.js';
import { KnownLabelSets } from './known-label-sets.js';
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
import { taskOf } from '../tasks/registry.js';
import { printLines } from './table.js';
import { answerSentences, KnownTags } from './tag-answers.js';

export const predictCommand = (context: Context) =>
  defineCommand({
    command: 'predict <run> [files..]',
    describe:
      'Tells the class, the labels or the number of texts, or the tags of tokens: rows of files, or lines of standard input',
    positionals: {
      ...runPositional,
      files: {
        type: 'string',
        array: true,
        default: [] as string[],
        describe: 'Files or globs; standard input when there are none',
      },
    },
    mayBeEmpty: ['prefix'],
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
        describe: 'File to write (.csv, .jsonl or .conll); standard output by default',
      },
      overwrite: {
        type: 'boolean',
        default: false,
        describe:
          'Lets --out replace any file; without it, only a table or objects of classes by predict',
      },
      to: {
        choices: ['csv', 'jsonl', 'conll'] as const,
        requiresArg: true,
        describe:
          'Layout of the output; by default that of --out, else csv, of tagged tokens that of the input',
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
      const layout = to ?? (out === undefined ? undefined : layoutOf(out));
      const predict = async (output: Writable, isOutput: (file: Stats) => boolean) => {
        const { openModel, readBatches } = await context.loadLibrary();
        const model = await openModel(run, toOpenOptions(args, context));
        try {
          expectUse(model, run, 'predict', 'a classifier');
          const { paths, reading } = planReading(model, files, args);
          const notify = (message: string) => printLines(context.stderr, [message]);
          const batches = sparing(readBatches(paths, reading, notify), out ?? '', isOutput);
          const known = openKnown(model);
          const lines =
            known instanceof KnownTags
              ? answerSentences(model, batches, batchSize, known, {
                  ...{ layout: layoutOfTags(layout), prefix },
                })
              : answer(model, batches, batchSize, known, openWriter(layout, model, prefix));
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
  { config: { data, task, model } }: Pick<TrainedModel, 'config'>,
  files: readonly string[],
  { format, encoding, delimiter, quote, text, label, onBadRow }: ReadingArguments,
): { paths: readonly string[]; reading: ExampleOptions } {
  const isPiped = files.length === 0;
  const isText = (column: string | number): boolean => String(column) === String(text ?? data.text);
  if (label !== undefined && isText(label)) {
    throw new UserError(
      `--label: expected another column than that of the text, got ${JSON.stringify(label)}`,
    );
  }
  const { gives, target } = taskOf(task);
  const tagged = gives === 'tokens';
  const columns = columnsOf(featuresOf(model.features));
  // Where columns have no names, another one for the text is another layout.
  const knowsLabel = (data.header || text === undefined) && !isText(data.label);
  return {
    paths: isPiped ? ['-'] : files,
    reading: {
      header: data.header,
      delimiter: delimiter ?? data.delimiter,
      quote: quote ?? data.quote,
      // Whoever pipes text into a model sends a row a line, in the encoding of terminals; of a tagger, columns.
      format: format ?? (isPiped ? undefined : data.format),
      ...(tagged && { tagged }),
      ...(columns.length > 0 && { columns }),
      encoding: encoding ?? (isPiped ? undefined : data.encoding),
      textUnit: isPiped ? 'line' : data.textUnit,
      text: text ?? data.text,
      label: label ?? (knowsLabel ? data.label : undefined),
      ...(target === 'number' && { labels: 'number' as const }),
      ...(target === 'labels' && { labelSeparator: data.labelSeparator }),
      mayLackLabel: label === undefined,
      onBadRow: onBadRow ?? data.onBadRow,
      keep: true,
    },
  };
}

/** What compares answers to what the rows say of themselves. */
type Known = KnownLabels | KnownLabelSets | KnownNumbers;

function openKnown({ config, classes }: TrainedModel): KnownTags | Known {
  const { gives, target } = taskOf(config.task);
  if (gives === 'tokens') return new KnownTags(classes);
  if (target === 'labels') return new KnownLabelSets(classes, config.data.labelSeparator!);
  return target === 'number' ? new KnownNumbers() : new KnownLabels(classes);
}

/** Answers rows, line by line as text. */
async function* answer(
  model: TrainedModel,
  batches: AsyncIterable<RowBatch>,
  batchSize: number,
  known: Known,
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

function openWriter(
  layout: Layout | 'conll' | undefined,
  { classes, config }: TrainedModel,
  prefix: string,
): AnswerWriter {
  if (layout !== 'conll') return openAnswerWriter(layout ?? 'csv', classes, prefix);
  throw new UserError(`--to: expected csv or jsonl for ${taskOf(config.task).model}, got conll`);
}

function layoutOfTags(layout: Layout | 'conll' | undefined): 'conll' | 'jsonl' | undefined {
  if (layout !== 'csv') return layout;
  throw new UserError('--to: expected conll or jsonl for a tagger, got csv');
}

function layoutOf(out: string): Layout | 'conll' {
  const extension = extname(out);
  if (extension === '.csv') return 'csv';
  if (extension === '.jsonl' || extension === '.ndjson') return 'jsonl';
  if (extension === '.conll') return 'conll';
  throw new UserError(
    `--out: expected a name that ends in .csv, .jsonl or .conll, or --to, got ${out}`,
  );
}
