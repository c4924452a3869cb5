import { UserError } from '../errors.js';
import { formatCount, formatShare } from '../observe/figures.js';
import { showProgress } from '../observe/progress.js';
import { inBatches } from './batching.js';
import { type Context } from './context.js';
import { defineCommand } from './define.js';
import { holdTokens } from './held-tokens.js';
import { type Evaluation, type Library, type TrainedModel } from './library.js';
import { modelOptions, runPositional, toOpenOptions } from './options.js';
import { formatTable } from './table.js';

export const evaluateCommand = (context: Context) =>
  defineCommand({
    command: 'evaluate <run>',
    describe: 'Measures a trained model on a split of its data or on other files',
    positionals: runPositional,
    options: {
      ...modelOptions,
      split: {
        choices: ['validation', 'test'] as const,
        requiresArg: true,
        describe: 'Split of the data that the run was trained on; validation by default',
      },
      data: {
        type: 'string',
        array: true,
        requiresArg: true,
        describe: 'Files or globs to measure on, laid out like the training data',
      },
      json: { type: 'boolean', default: false, describe: 'Prints one JSON object' },
    },
    async run({ run, split, data, json, ...args }) {
      if (split !== undefined && data !== undefined) {
        throw new UserError('Expected either --split or --data, got both');
      }
      const library = await context.loadLibrary();
      const model = await library.openModel(run, toOpenOptions(args));
      try {
        const result =
          data === undefined
            ? await evaluateSplit(model, split ?? 'validation', library, context)
            : await evaluateFiles(model, data, library);
        const on = data?.join(' ') ?? split ?? 'validation';
        context.stdout.write(
          json
            ? `${JSON.stringify({ checkpoint: model.checkpoint, step: model.step, data: on, ...result, ...(result.confusion && { classes: model.classes }) })}\n`
            : `${describe(result, model, on).join('\n')}\n`,
        );
      } finally {
        await model.close();
      }
    },
  });

async function evaluateSplit(
  model: TrainedModel,
  split: 'validation' | 'test',
  { prepareCorpus }: Library,
  { stderr }: Context,
): Promise<Evaluation> {
  const progress = showProgress(stderr);
  try {
    const corpus = await prepareCorpus(model.config, progress.observe);
    try {
      // Other data may have another vocabulary and other classes than the weights know.
      if (corpus.fingerprint !== model.corpus) {
        throw new UserError(
          `${model.checkpoint}: the corpus has changed since this checkpoint was written, and its splits with it: ` +
            'restore the files that data names, or name files to measure on with --data',
        );
      }
      const store = corpus[split];
      if (store === undefined) {
        throw new UserError(
          `The run has no ${split} split; name files with --data, or set data.${split} in its config`,
        );
      }
      return await model.evaluate(store);
    } finally {
      await corpus.close();
    }
  } finally {
    progress.close();
  }
}

async function evaluateFiles(
  model: TrainedModel,
  paths: readonly string[],
  { readExamples }: Library,
): Promise<Evaluation> {
  const { task, data } = model.config;
  // A figure over most of the rows would be no figure of the file.
  const { label, ...reading } = { ...data, onBadRow: 'error' as const };
  if (task === 'language-model') {
    return model.evaluate(await holdTokens(readExamples(paths, reading), model.tokenizer));
  }
  const { classes } = model;
  const confusion = classes.map(() => classes.map(() => 0));
  const ids = new Map(classes.map((name, id) => [name, id]));
  let loss = 0;
  let targets = 0;
  const examples = readExamples(paths, { ...reading, label });
  for await (const batch of inBatches(examples, 256)) {
    const predictions = await model.classify(batch.map(({ text }) => text));
    for (const [index, { label = '', source, line }] of batch.entries()) {
      const truth = ids.get(label);
      if (truth === undefined) {
        throw new UserError(
          `${source}, line ${line}: expected one of the model's classes (${classes.join(', ')}), got ${JSON.stringify(label)}`,
        );
      }
      const probabilities = predictions[index]!;
      // A probability that is too small for a float32 counts as the smallest one there is.
      loss -= Math.log(Math.max(probabilities[truth]!, 2 ** -149));
      confusion[truth]![indexOfLargest(probabilities)]!++;
      targets++;
    }
  }
  if (targets === 0) throw new UserError(`${paths.join(', ')}: expected rows, found none`);
  const right = confusion.reduce((sum, row, truth) => sum + row[truth]!, 0);
  return { loss: loss / targets, accuracy: right / targets, targets, confusion };
}

export function indexOfLargest(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[largest]!) largest = i;
  return largest;
}

function describe(result: Evaluation, model: TrainedModel, on: string): string[] {
  const { loss, accuracy, perplexity, targets, confusion } = result;
  const what = model.config.task === 'classify' ? 'rows' : 'tokens';
  const lines = [
    `${model.checkpoint} on ${on}: ${formatCount(targets)} ${what}`,
    `loss ${loss.toFixed(4)}  accuracy ${formatShare(accuracy)}${perplexity === undefined ? '' : `  perplexity ${perplexity.toFixed(3)}`}`,
  ];
  if (confusion === undefined) return lines;
  const rows = measureClasses(confusion).map(({ precision, recall, f1, support }, id) => [
    model.classes[id]!,
    precision.toFixed(3),
    recall.toFixed(3),
    f1.toFixed(3),
    formatCount(support),
  ]);
  return [
    ...lines,
    '',
    ...formatTable([['class', 'precision', 'recall', 'F1', 'support'], ...rows]),
  ];
}

/** Precision, recall, F1 and number of rows of each class; 0 where a share has no rows to it. */
export function measureClasses(
  confusion: readonly (readonly number[])[],
): { precision: number; recall: number; f1: number; support: number }[] {
  const share = (part: number, whole: number) => (whole === 0 ? 0 : part / whole);
  return confusion.map((row, id) => {
    const right = row[id]!;
    const support = row.reduce((sum, count) => sum + count, 0);
    const predicted = confusion.reduce((sum, other) => sum + other[id]!, 0);
    return {
      precision: share(right, predicted),
      recall: share(right, support),
      f1: share(2 * right, predicted + support),
      support,
    };
  });
}
