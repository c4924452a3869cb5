import type { ExampleOptions, RowBatch } from '../data/formats/examples.js';
import type { FilePair } from '../data/input/file-pairs.js';
import { UserError } from '../errors.js';
import { taskOf } from '../tasks/registry.js';
import { layoutByName, openAnswerWriter, writeRows } from './answers/answer-layouts.js';
import { answerInput, answerOptions, filesPositional } from './answers/answer-output.js';
import type { Context } from './context.js';
import { defineCommand } from './define.js';
import type { TrainedModel } from './library.js';
import { scoreWriter } from './reading/own-files.js';
import { ensembleOptions, modelOptions, readingOptions, runPositional } from './options/options.js';
import { planPairs } from './reading/pair-reading.js';
import { planReading, type ReadingArguments } from './reading/reading-plan.js';
import {
  addScores,
  scoreRows,
  ScoreTotals,
  unknownFault,
  withoutFault,
} from './answers/score-answers.js';

export const scoreCommand = (context: Context) =>
  defineCommand({
    command: 'score <run> [files..]',
    describe:
      'Tells how likely texts are to a language model, translations to a translator, or given classes or tags to a classifier or tagger: natural logarithms',
    positionals: { ...runPositional, ...filesPositional },
    mayBeEmpty: ['prefix'],
    options: {
      ...modelOptions,
      ...ensembleOptions,
      ...readingOptions,
      ...answerOptions,
      target: {
        type: 'string',
        array: true,
        requiresArg: true,
        describe:
          'Of a translator: text files or globs with the translations of those before, line by line',
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
      'by-token': {
        type: 'boolean',
        default: false,
        describe: 'Writes the share of every token, too (jsonl)',
      },
    },
    async run({ run, files, target, out, overwrite, to, prefix, batchSize, byToken, ...args }) {
      const layout = to ?? (out === undefined ? 'csv' : layoutByName(out, ['csv', 'jsonl']));
      if (byToken && layout === 'csv') {
        throw new UserError('--by-token: expected --to jsonl: a table has no place for lists');
      }
      await answerInput(context, { run, files, out, overwrite, by: scoreWriter, args }, (model) => {
        expectScores(model, run, byToken);
        const { paths, reading } = planScoring(model, files, target, args);
        const totals = new ScoreTotals(model);
        return {
          ...{ paths, reading },
          describe: () => totals.describe(),
          answer(batches: AsyncIterable<RowBatch>) {
            const writer = openAnswerWriter(layout, addScores(model, byToken), prefix);
            const fault = reading.label === undefined ? undefined : unknownFault(model);
            const usable = fault
              ? withoutFault(batches, fault, reading.onBadRow === 'error')
              : batches;
            return writeRows(writer, usable, batchSize, (rows) => scoreRows(model, rows), totals);
          },
        };
      });
    },
  });

function expectScores({ config }: TrainedModel, run: string, byToken: boolean): void {
  const { target, per, model } = taskOf(config.task);
  if (target !== 'next token' && target !== 'class') {
    throw new UserError(
      `${run}: expected a translator, a language model, a classifier or a tagger, got ${model}`,
    );
  }
  if (!byToken) return;
  if (per === 'row') throw new UserError(`--by-token: a class is told of a row, not of its tokens`);
  if (config.train.loss.kind === 'crf') {
    throw new UserError(
      '--by-token: a tagger with train.loss.kind: crf tells how likely all tags of a row are together',
    );
  }
}

/** As predictions are read, but that labels have to be there, or have no meaning. */
function planScoring(
  model: TrainedModel,
  files: readonly string[],
  targets: readonly string[] | undefined,
  args: ReadingArguments,
): { paths: readonly string[] | FilePair; reading: ExampleOptions } {
  const { target, gives, model: named } = taskOf(model.config.task);
  if (gives === 'pairs') return planPairs(model, files, targets, args);
  if (targets !== undefined) {
    throw new UserError(`--target: expected nothing for ${named}, which translates nothing`);
  }
  const { paths, reading } = planReading(model, files, args);
  if (target === 'next token') {
    if (args.label !== undefined) {
      throw new UserError(
        '--label: a language model tells how likely texts are, which have no labels',
      );
    }
    return { paths, reading: { ...reading, label: undefined } };
  }
  if (reading.label === undefined) {
    throw new UserError(
      '--label: expected the column of what is scored, since --text names another column than the config does',
    );
  }
  return { paths, reading: { ...reading, mayLackLabel: false } };
}
