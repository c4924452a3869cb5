import { UserError } from '../errors.js';
import { formatCount, formatShare } from '../observe/figures.js';
import { showProgress } from '../observe/progress.js';
import { describeMeasure } from '../observe/sentences.js';
import { MEASURE_NAMES, measureKind, type MeasureValues } from '../measures.js';
import { taskOf } from '../tasks/registry.js';
import type { Score } from '../tasks/task.js';
import { printableName } from '../system/printable.js';
import type { HeldOutFiles } from '../data/prepare/held-out.js';
import type { Context } from './context.js';
import { defineCommand } from './define.js';
import type { Evaluation, Library, TrainedModel } from './library.js';
import type { CompareOptions, TranslationScores } from '../decoding/translation-scores.js';
import type { TrainListener } from '../events.js';
import { openAny } from './answers/answer-output.js';
import { ensembleOptions, modelOptions, runPositional, toOpenOptions } from './options/options.js';
import { evaluateTerms, inTerms, refuseInTerms, translatorTerms } from './reading/reading-terms.js';
import { formatTable, printLines } from './table.js';
import { counted } from '../system/counted.js';

export const evaluateCommand = (context: Context) =>
  defineCommand({
    command: 'evaluate <run>',
    describe: 'Measures a trained model on a split of its data or on other files',
    positionals: runPositional,
    options: {
      ...modelOptions,
      ...ensembleOptions,
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
      target: {
        type: 'string',
        array: true,
        requiresArg: true,
        describe:
          'Of a translator: text files or globs with the translations of those of --data, line by line',
      },
      lowercase: {
        type: 'boolean',
        describe:
          'Of a translator: compares translations in lower case (case:lc); by default where its tokenizer has no capitals',
      },
      json: { type: 'boolean', default: false, describe: 'Prints one JSON object' },
    },
    async run({ run, split, data, target, lowercase, json, ...args }) {
      if (split !== undefined && data !== undefined) {
        throw new UserError('Expected either --split or --data, got both');
      }
      if (target !== undefined && data === undefined) {
        throw new UserError('--target: expected --data beside it, with what is to be translated');
      }
      const library = await context.loadLibrary();
      const model = await openAny(library, run, args.ensemble, toOpenOptions(args, context));
      const { gives, model: kind } = taskOf(model.config.task);
      const isOfTexts = gives === 'pairs' && target === undefined;
      const progress = showProgress(context.stderr);
      try {
        if (lowercase !== undefined && gives !== 'pairs') {
          throw new UserError(
            `--lowercase: expected nothing for ${kind}, which translates nothing`,
          );
        }
        const result =
          data === undefined
            ? await evaluateSplit(model, split ?? 'validation', library, progress.observe)
            : await refuseInTerms(isOfTexts ? translatorTerms : evaluateTerms, () =>
                evaluateFiles(
                  model,
                  target ? { source: data, target } : data,
                  library,
                  progress.observe,
                ),
              );
        const files =
          data === undefined
            ? model.config.data[split ?? 'validation']
            : target
              ? { source: data, target }
              : data;
        const compare = lowercase === undefined ? {} : { lowercase };
        const translated = await scoreIfTranslator(
          model,
          files,
          library,
          compare,
          progress.observe,
        );
        const on = data?.join(' ') ?? split ?? 'validation';
        const { checkpoint, step, best, classes } = model;
        const report = {
          checkpoint,
          step,
          ...(best && { bestBy: best.by ?? 'loss' }),
          data: on,
          ...result,
          ...translated,
          ...((result.confusion ?? result.entities ?? result.labels) && { classes }),
        };
        printLines(
          context.stdout,
          json
            ? [JSON.stringify(report)]
            : [...describe(result, model, on), ...describeTranslations(translated)],
        );
      } finally {
        progress.close();
        await model.close();
      }
    },
  });

async function evaluateSplit(
  model: TrainedModel,
  split: 'validation' | 'test',
  { prepareCorpus }: Library,
  observe: TrainListener,
): Promise<Evaluation> {
  const corpus = await prepareCorpus(model.config, observe);
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
      throw new UserError(`The run has no ${split} split; name files to measure on with --data`);
    }
    const { truncatedRows = 0, leftOut } = corpus.manifest.statistics[split] ?? {};
    tellTruncated(model, truncatedRows, observe);
    tellEmpty(leftOut?.empty ?? 0, observe);
    return await model.evaluate(store);
  } finally {
    await corpus.close();
  }
}

async function evaluateFiles(
  model: TrainedModel,
  files: HeldOutFiles,
  { prepareHeldOut }: Library,
  observe: TrainListener,
): Promise<Evaluation> {
  const hear: TrainListener = (event) =>
    observe(
      event.type === 'notice'
        ? { ...event, message: inTerms(evaluateTerms, event.message) }
        : event,
    );
  const heldOut = await prepareHeldOut(model, files, '--data', hear);
  try {
    if (heldOut.badRows > 0) {
      const message = `${counted(heldOut.badRows, 'row was', 'rows were')} left out, because they cannot be used (data.onBadRow)`;
      observe({ type: 'notice', message });
    }
    tellTruncated(model, heldOut.truncatedRows, observe);
    tellEmpty(heldOut.emptyPairs, observe);
    return await model.evaluate(heldOut.store);
  } finally {
    await heldOut.close();
  }
}

/** Of a translator how near its translations come to those that are given; of others nothing. */
async function scoreIfTranslator(
  model: TrainedModel,
  files: TrainedModel['config']['data']['validation'] | HeldOutFiles | undefined,
  { scoreTranslations }: Library,
  options: CompareOptions,
  observe: TrainListener,
): Promise<TranslationScores | undefined> {
  if (taskOf(model.config.task).gives !== 'pairs' || files === undefined) return undefined;
  if (typeof files === 'number') {
    const message =
      'No BLEU, chrF or exact match: they need texts as they are written, and this split is a share of the training files; name files with --data';
    observe({ type: 'notice', message });
    return undefined;
  }
  return refuseInTerms(evaluateTerms, () => scoreTranslations(model, files, '--data', options));
}

function describeTranslations(scores: TranslationScores | undefined): string[] {
  if (scores === undefined) return [];
  const { bleu, bleuSignature, chrf, chrfSignature, exact, cut } = scores;
  return [
    `BLEU ${bleu.toFixed(2)} (${bleuSignature})`,
    `chrF ${chrf.toFixed(2)} (${chrfSignature})`,
    `exact match ${formatShare(exact)}${cut > 0 ? `; ${counted(cut, 'translation')} cut off at data.maxLength` : ''}`,
  ];
}

/** Pairs that no loss can be measured of; translated and compared they are like all others. */
function tellEmpty(pairs: number, observe: TrainListener): void {
  if (pairs === 0) return;
  const message = `${counted(pairs, 'pair has', 'pairs have')} a side without a token of the vocabulary: loss, perplexity and token accuracy are measured without ${pairs === 1 ? 'it' : 'them'}`;
  observe({ type: 'notice', message });
}

/** Tags of a long sentence are predicted in parts, and measured in the part that training would have seen. */
function tellTruncated(
  { config: { task, data } }: TrainedModel,
  rows: number,
  observe: TrainListener,
): void {
  const { gives } = taskOf(task);
  if (rows > 0 && gives === 'pairs') {
    const message = `${counted(rows, 'pair is', 'pairs are')} longer than data.maxLength or data.maxSourceLength: ${rows === 1 ? 'it is' : 'they are'} measured as far as these go`;
    observe({ type: 'notice', message });
  }
  if (rows === 0 || gives !== 'tokens') return;
  const end = data.truncate === 'pre' ? 'last' : 'first';
  const message =
    `${counted(rows, 'row is', 'rows are')} longer than data.maxLength: only the ${end} ${data.maxLength} tokens ` +
    `of ${rows === 1 ? 'it' : 'each'} are measured, as in training; predict answers all of them`;
  observe({ type: 'notice', message });
}

function describe(result: Evaluation, model: TrainedModel, on: string): string[] {
  const { targets, confusion, precision, recall, f1, entities, macro, labels } = result;
  const values: MeasureValues = result;
  const figures = MEASURE_NAMES.flatMap((name) => {
    // F1 stands below, with precision and recall.
    const value = name === 'f1' ? undefined : values[name];
    if (value === undefined) return [];
    // Of sets of labels a share of rows is far below that of labels: what is meant is said.
    return name === 'accuracy' && labels
      ? `exact match ${formatShare(value)}`
      : describeMeasure(name, value);
  });
  const { best } = model;
  const chosen = best ? ` (best by validation ${measureKind(best.by ?? 'loss').label})` : '';
  const lines = [
    `${model.checkpoint}${chosen} on ${on}: ${counted(targets, taskOf(model.config.task).per)}`,
    figures.join('  '),
  ];
  if (precision !== undefined && recall !== undefined && f1 !== undefined) {
    lines.push(
      `${labels ? 'labels' : 'entities'}: precision ${formatShare(precision)}  recall ${formatShare(recall)}  F1 ${formatShare(f1)}`,
    );
  }
  if (macro !== undefined) {
    lines.push(
      `means over the labels: precision ${formatShare(macro.precision)}  recall ${formatShare(macro.recall)}  F1 ${formatShare(macro.f1)}`,
    );
  }
  if (labels !== undefined) {
    return [...lines, '', ...describeScores('label', Object.entries(labels))];
  }
  if (entities !== undefined) {
    return [...lines, '', ...describeScores('entity', Object.entries(entities))];
  }
  if (confusion === undefined) return lines;
  const scores = measureClasses(confusion).map((score, id): [string, Score] => [
    model.classes[id]!,
    score,
  ]);
  return [...lines, '', ...describeScores('class', scores)];
}

function describeScores(what: string, scores: readonly (readonly [string, Score])[]): string[] {
  const rows = scores.map(([name, { precision, recall, f1, support }]) => [
    printableName(name),
    precision.toFixed(3),
    recall.toFixed(3),
    f1.toFixed(3),
    formatCount(support),
  ]);
  return formatTable([[what, 'precision', 'recall', 'F1', 'support'], ...rows]);
}

/** Precision, recall, F1 and number of rows of each class; 0 where a share has no rows to it. */
export function measureClasses(confusion: readonly (readonly number[])[]): Score[] {
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
