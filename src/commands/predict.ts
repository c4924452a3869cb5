import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { format as formatCsv } from 'fast-csv';
import { type Example } from '../data/examples.js';
import { UserError } from '../errors.js';
import { inBatches } from './batching.js';
import { type Context } from './context.js';
import { defineCommand } from './define.js';
import { indexOfLargest } from './evaluate.js';
import { type TrainedModel } from './library.js';
import { modelOptions, runPositional, toOpenOptions, wholeNumber } from './options.js';
import { printLines } from './table.js';

export const predictCommand = (context: Context) =>
  defineCommand({
    command: 'predict <run> [files..]',
    describe: 'Tells the class of texts: rows of CSV or JSONL files, or lines of standard input',
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
      format: {
        choices: ['csv', 'tsv', 'jsonl', 'text', 'parquet'] as const,
        requiresArg: true,
        describe:
          "Layout of the input; by default told from each file's extension, else lines of text",
      },
      text: {
        type: 'string',
        requiresArg: true,
        describe: 'Column or field that holds the text; the one of the config by default',
      },
      out: {
        type: 'string',
        requiresArg: true,
        describe: 'File to write (.csv or .jsonl); standard output by default',
      },
      to: {
        choices: ['csv', 'jsonl'] as const,
        requiresArg: true,
        describe: 'Layout of the output; by default that of --out, else csv',
      },
      'batch-size': {
        type: 'string',
        coerce: wholeNumber('batch-size', 1),
        default: 256,
        requiresArg: true,
        describe: 'Rows at a time; 1 answers each line of standard input at once',
      },
    },
    async run({ run, files, format, text, out, to, batchSize, ...args }) {
      const layout = to ?? layoutOf(out);
      const library = await context.loadLibrary();
      const model = await library.openModel(run, toOpenOptions(args, context));
      try {
        if (model.config.task !== 'classify') {
          throw new UserError(`${run}: expected a classifier, got a ${model.config.task}`);
        }
        const isPiped = files.length === 0;
        const { header, delimiter, encoding, textUnit, ...data } = model.config.data;
        const reading = {
          format: format ?? (isPiped ? ('text' as const) : undefined),
          text: text ?? data.text,
          ...{ header, delimiter, encoding },
          // Whoever pipes text into a model sends a row a line.
          textUnit: isPiped ? ('line' as const) : textUnit,
        };
        const read = library.readExamples(isPiped ? ['-'] : files, reading, (message) =>
          printLines(context.stderr, [message]),
        );
        const examples = out === undefined ? read : sparing(out, read);
        const rows = Readable.from(predict(model, examples, batchSize));
        const writer = layout === 'csv' ? csvWriter(model.classes) : jsonlWriter(model.classes);
        await (out === undefined
          ? pipeline(rows, writer, context.stdout, { end: false })
          : writeWhole(out, (file) => pipeline(rows, writer, file)));
      } finally {
        await model.close();
      }
    },
  });

interface Prediction {
  text: string;
  label: string;
  /** In the order of the model's classes. */
  probabilities: number[];
}

async function* predict(
  model: TrainedModel,
  examples: AsyncIterable<Example>,
  batchSize: number,
): AsyncGenerator<Prediction, void, undefined> {
  for await (const batch of inBatches(examples, batchSize)) {
    const predictions = await model.classify(batch.map(({ text }) => text));
    for (const [index, { text }] of batch.entries()) {
      const probabilities = predictions[index]!;
      yield {
        text,
        label: model.classes[indexOfLargest(probabilities)]!,
        // Seven digits are what a float32 holds.
        probabilities: Array.from(probabilities, (value) => Number(value.toPrecision(7))),
      };
    }
  }
}

/** Passes examples on, unless they come from the file that the predictions would replace. */
async function* sparing(
  out: string,
  examples: AsyncIterable<Example>,
): AsyncGenerator<Example, void, undefined> {
  const target = await stat(out).catch(() => undefined);
  let checked: string | undefined;
  for await (const example of examples) {
    if (target !== undefined && example.source !== checked) {
      checked = example.source;
      const source = await stat(checked).catch(() => undefined);
      if (source?.ino === target.ino && source.dev === target.dev) {
        throw new UserError(`--out: ${out} is read as input, and would be lost: name another file`);
      }
    }
    yield example;
  }
}

function layoutOf(out: string | undefined): 'csv' | 'jsonl' {
  const extension = out === undefined ? '.csv' : extname(out);
  if (extension === '.csv') return 'csv';
  if (extension === '.jsonl' || extension === '.ndjson') return 'jsonl';
  throw new UserError(`--out: expected a name that ends in .csv or .jsonl, or --to, got ${out!}`);
}

function csvWriter(classes: readonly string[]): NodeJS.ReadWriteStream {
  const writer = formatCsv<Prediction, (string | number)[]>({
    headers: ['text', 'label', ...classes.map((name) => `probability_${name}`)],
    alwaysWriteHeaders: true,
    includeEndRowDelimiter: true,
  });
  return writer.transform(({ text, label, probabilities }: Prediction) => [
    text,
    label,
    ...probabilities,
  ]);
}

function jsonlWriter(classes: readonly string[]) {
  return async function* (rows: AsyncIterable<Prediction>): AsyncGenerator<string> {
    for await (const { text, label, probabilities } of rows) {
      const byClass = classes.map((name, id): [string, number] => [name, probabilities[id]!]);
      yield `${JSON.stringify({ text, label, probabilities: Object.fromEntries(byClass) })}\n`;
    }
  };
}

/** Writes beside the final place and moves there when all is well: a failure leaves what was there. */
async function writeWhole(path: string, write: (file: Writable) => Promise<void>): Promise<void> {
  const partial = `${path}.partial`;
  try {
    await write(createWriteStream(partial));
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall !== 'open' && syscall !== 'rename' && syscall !== 'write') throw error;
    throw new UserError(`--out: ${path} cannot be written (${code ?? String(error)})`, {
      cause: error,
    });
  }
}
