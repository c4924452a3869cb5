import type { RowBatch } from '../data/formats/examples.js';
import { UserError } from '../errors.js';
import { taskOf } from '../tasks/registry.js';
import {
  addPredictions,
  type AnswerWriter,
  type Layout,
  layoutByName,
  openAnswerWriter,
  writeRows,
} from './answers/answer-layouts.js';
import { answerInput, answerOptions, filesPositional } from './answers/answer-output.js';
import { type Prediction, predictRows } from './answers/answers.js';
import type { Context } from './context.js';
import { defineCommand } from './define.js';
import { expectUse } from './options/expect-use.js';
import { hintServe } from './hint-serve.js';
import { KnownLabelSets } from './answers/known-label-sets.js';
import { KnownLabels } from './answers/known-labels.js';
import { KnownNumbers } from './answers/known-numbers.js';
import type { TrainedModel } from './library.js';
import { predictWriter } from './reading/own-files.js';
import { modelOptions, readingOptions, runPositional } from './options/options.js';
import { planReading } from './reading/reading-plan.js';
import { answerSentences, KnownTags } from './answers/tag-answers.js';

export const predictCommand = (context: Context) =>
  defineCommand({
    command: 'predict <run> [files..]',
    describe:
      'Tells the class, the labels or the number of texts, or the tags of tokens: rows of files, or lines of standard input',
    positionals: {
      ...runPositional,
      ...filesPositional,
    },
    mayBeEmpty: ['prefix'],
    options: {
      ...modelOptions,
      ...readingOptions,
      ...answerOptions,
      out: {
        type: 'string',
        requiresArg: true,
        describe: 'File to write (.csv, .jsonl or .conll); standard output by default',
      },
      to: {
        choices: ['csv', 'jsonl', 'conll'] as const,
        requiresArg: true,
        describe:
          'Layout of the output; by default that of --out, else csv, of tagged tokens that of the input',
      },
    },
    async run({ run, files, out, overwrite, to, prefix, batchSize, ...args }) {
      const layout =
        to ?? (out === undefined ? undefined : layoutByName(out, ['csv', 'jsonl', 'conll']));
      if (prefix !== '' && layout === 'conll') {
        throw new UserError(
          '--prefix: expected --to jsonl beside it: columns of tokens have no names',
        );
      }
      await answerInput(
        context,
        { run, files, out, overwrite, by: predictWriter, args },
        (model) => {
          expectUse(model, run, 'predict', 'a classifier');
          const known = openKnown(model);
          const answer = (batches: AsyncIterable<RowBatch>) =>
            known instanceof KnownTags
              ? answerSentences(model, batches, batchSize, known, {
                  ...{ layout: layoutOfTags(layout), prefix },
                })
              : writeRows(
                  openWriter(layout, model, prefix),
                  batches,
                  batchSize,
                  (rows) => predictRows(model, rows),
                  known,
                );
          return {
            ...planReading(model, files, args),
            describe: () => known.describe(),
            answer,
          };
        },
      );
      hintServe(context, run, out);
    },
  });

/** What compares answers to what the rows say of themselves. */
type Known = KnownLabels | KnownLabelSets | KnownNumbers;

function openKnown({ config, classes }: TrainedModel): KnownTags | Known {
  const { gives, target } = taskOf(config.task);
  if (gives === 'tokens') return new KnownTags(classes);
  if (target === 'labels') return new KnownLabelSets(classes, config.data.labelSeparator!);
  if (target === 'number') return new KnownNumbers(config.data.decimalMark);
  return new KnownLabels(classes);
}

function openWriter(
  layout: Layout | 'conll' | undefined,
  { classes, config }: TrainedModel,
  prefix: string,
): AnswerWriter<Prediction> {
  if (layout !== 'conll') {
    return openAnswerWriter(layout ?? 'csv', addPredictions(classes), prefix);
  }
  throw new UserError(`--to: expected csv or jsonl for ${taskOf(config.task).model}, got conll`);
}

function layoutOfTags(layout: Layout | 'conll' | undefined): 'conll' | 'jsonl' | undefined {
  if (layout !== 'csv') return layout;
  throw new UserError('--to: expected conll or jsonl for a tagger, got csv');
}
