import { formatOfTables } from '../data/input/file-pairs.js';
import type { Example, ExampleOptions, RowBatch } from '../data/formats/examples.js';
import { UserError } from '../errors.js';
import { layoutByName, openAnswerWriter, writeRows } from './answers/answer-layouts.js';
import { answerInput, answerOptions, filesPositional } from './answers/answer-output.js';
import type { Context } from './context.js';
import { defineCommand } from './define.js';
import { expectUse } from './options/expect-use.js';
import { hintServe } from './hint-serve.js';
import type { TrainedModel, TranslateOptions } from './library.js';
import { translateWriter } from './reading/own-files.js';
import {
  ensembleOptions,
  modelOptions,
  numberFrom,
  readingOptions,
  runPositional,
  wholeNumber,
} from './options/options.js';
import { planReading, type ReadingArguments } from './reading/reading-plan.js';
import { expectDrawn } from './options/vain-options.js';
import {
  addTranslations,
  expectPlace,
  PlainTranslations,
  TranslationNotes,
} from './answers/translation-answers.js';

const { format, encoding, delimiter, quote, text } = readingOptions;

const searchOptions = {
  beam: {
    type: 'string',
    coerce: wholeNumber('beam', 1, 1024),
    requiresArg: true,
    describe:
      'Texts that are followed at a time; 1 takes the likeliest token each time; 5 by default',
  },
  best: {
    type: 'string',
    coerce: wholeNumber('best', 1, 1024),
    default: 1,
    requiresArg: true,
    describe: 'Translations of each row, the best first (jsonl)',
  },
  'length-normalisation': {
    type: 'string',
    coerce: lengthOption,
    default: 'average',
    requiresArg: true,
    describe:
      'How long translations are made up for: average, or the α of ((5 + length) / 6)^α; 0 not at all',
  },
  'coverage-penalty': {
    type: 'string',
    coerce: numberFrom('coverage-penalty', 0),
    default: 0,
    requiresArg: true,
    describe: 'How much it costs to leave words of the source unattended',
  },
  'block-ngram-repeat': {
    type: 'string',
    coerce: wholeNumber('block-ngram-repeat', 0),
    default: 0,
    requiresArg: true,
    describe: 'Tokens in a row of which a translation has no two alike; 0 allows any',
  },
  'max-length': {
    type: 'string',
    coerce: wholeNumber('max-length', 0),
    requiresArg: true,
    describe: 'Tokens of a translation, at most; data.maxLength of the config by default',
  },
  unknown: {
    choices: ['replace', 'keep', 'avoid'] as const,
    requiresArg: true,
    describe:
      'What becomes of unknown words: the word that was attended to stands in their place (the default), they stay, or are not written',
  },
  sample: {
    type: 'boolean',
    default: false,
    describe: 'Draws tokens by their probability in the place of a beam',
  },
  temperature: {
    type: 'string',
    coerce: numberFrom('temperature', 0),
    requiresArg: true,
    describe: 'Of --sample: below 1 keeps to the likely, above 1 dares more; 1 by default',
  },
  'top-k': {
    type: 'string',
    coerce: wholeNumber('top-k', 0),
    requiresArg: true,
    describe: 'Of --sample: draws among that many likeliest tokens; 0, the default, among all',
  },
  seed: {
    type: 'string',
    coerce: wholeNumber('seed', 0, 2 ** 32 - 1),
    requiresArg: true,
    describe: 'Of --sample: the same seed draws the same; 1 by default',
  },
} as const;

export const translateCommand = (context: Context) =>
  defineCommand({
    command: 'translate <run> [files..]',
    describe: 'Translates lines of standard input, or rows of files, in their order',
    positionals: { ...runPositional, ...filesPositional },
    mayBeEmpty: ['prefix'],
    options: {
      ...modelOptions,
      ...ensembleOptions,
      ...{ format, encoding, delimiter, quote, text },
      ...answerOptions,
      ...searchOptions,
      alignment: {
        type: 'boolean',
        default: false,
        describe: 'Adds which token of the source each token comes from (csv, jsonl)',
      },
      attention: {
        type: 'boolean',
        default: false,
        describe: 'Adds how much each token attended to each of the source (jsonl)',
      },
      out: {
        type: 'string',
        requiresArg: true,
        describe: 'File to write (.txt, .csv or .jsonl); standard output by default',
      },
      to: {
        choices: ['text', 'csv', 'jsonl'] as const,
        requiresArg: true,
        describe: 'Layout of the output; by default that of --out, else text, a translation a line',
      },
    },
    async run({ run, files, out, overwrite, to, prefix, batchSize, ...args }) {
      const layout =
        to ?? (out === undefined ? 'text' : layoutByName(out, ['text', 'csv', 'jsonl']));
      const { best, alignment, attention } = args;
      const beside = { best, alignment, attention };
      expectPlace(layout, beside, prefix);
      const options = toTranslateOptions(args);
      await answerInput(
        context,
        { run, files, out, overwrite, by: translateWriter, args },
        (model) => {
          expectUse(model, run, 'translate', 'a translator');
          expectAttention(model, run, args);
          const notes = new TranslationNotes(model);
          return {
            ...planSources(model, files, args),
            describe: () => notes.describe(),
            answer(batches: AsyncIterable<RowBatch>) {
              const writer =
                layout === 'text'
                  ? new PlainTranslations()
                  : openAnswerWriter(layout, addTranslations(beside), prefix);
              const translate = (rows: readonly Example[]) =>
                model.translate(
                  rows.map((row) => row.text),
                  options,
                );
              return writeRows(writer, batches, batchSize, translate, notes);
            },
          };
        },
      );
      if (args.ensemble.length === 0) hintServe(context, run, out);
    },
  });

/** @throws UserError for what asks where a model looks that looks nowhere */
function expectAttention(
  { config }: TrainedModel,
  run: string,
  asked: {
    alignment: boolean;
    attention: boolean;
    coveragePenalty: number;
    unknown: string | undefined;
  },
): void {
  if (config.model.attention?.kind !== 'none') return;
  const told = Object.entries({
    ...{ '--alignment': asked.alignment, '--attention': asked.attention },
    '--coverage-penalty': asked.coveragePenalty > 0,
    '--unknown replace': asked.unknown === 'replace',
  });
  const [name] = told.find(([, isAsked]) => isAsked) ?? [];
  if (name === undefined) return;
  throw new UserError(
    `${name}: ${run} attends to no word of the source (model.attention.kind none): leave it out`,
  );
}

/** The source's column, or lines of whatever is no table. */
function planSources(
  model: TrainedModel,
  files: readonly string[],
  args: Omit<ReadingArguments, 'label'>,
): { paths: readonly string[]; reading: ExampleOptions } {
  const { source = 'source' } = model.config.data;
  const { paths, reading } = planReading(model, files, { ...args, text: args.text ?? source });
  const format = args.format ?? formatOfTables(reading.format);
  return { paths, reading: { ...reading, label: undefined, format, otherwise: 'text' } };
}

function toTranslateOptions(args: {
  beam: number | undefined;
  best: number;
  lengthNormalisation: 'average' | number;
  coveragePenalty: number;
  blockNgramRepeat: number;
  maxLength: number | undefined;
  unknown: TranslateOptions['unknown'];
  sample: boolean;
  temperature: number | undefined;
  topK: number | undefined;
  seed: number | undefined;
  attention: boolean;
}): TranslateOptions {
  const { sample, maxLength, unknown, attention } = args;
  if (sample && args.beam !== undefined) {
    throw new UserError('--beam: --sample draws tokens in the place of a beam: leave out either');
  }
  expectDrawn(args);
  const { beam = 5, best, lengthNormalisation, coveragePenalty, blockNgramRepeat: noRepeat } = args;
  const drawing = { temperature: args.temperature, 'top-k': args.topK, seed: args.seed };
  const alone = Object.entries(drawing).find(([, value]) => value !== undefined && !sample);
  if (alone)
    throw new UserError(`--${alone[0]}: expected --sample beside it: a beam draws nothing`);
  const { temperature = 1, topK = 0, seed = 1 } = args;
  if (!sample && best > beam) {
    throw new UserError(`--best: expected at most --beam, which is ${beam}, got ${best}`);
  }
  return {
    ...{ beam, best, lengthNormalisation, coveragePenalty, noRepeat, attention },
    ...(maxLength !== undefined && { maxLength }),
    ...(unknown !== undefined && { unknown }),
    ...(sample && { sampling: { temperature, topK, seed } }),
  };
}

function lengthOption(given: unknown): 'average' | number {
  if (given === 'average') return given;
  return numberFrom('length-normalisation', 0, Infinity, '"average" or ')(given);
}
