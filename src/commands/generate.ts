import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { FeatureVocabulary } from '../data/features/features.js';
import { listNames } from '../data/input/names.js';
import { fillDrawing, USUAL_DRAWING } from '../decoding/usual-drawing.js';
import type { Tokenizer } from '../data/tokenizers/tokenizer.js';
import type { Context } from './context.js';
import { expectUse } from './options/expect-use.js';
import { hintServe } from './hint-serve.js';
import { defineCommand } from './define.js';
import {
  modelOptions,
  numberFrom,
  runPositional,
  toOpenOptions,
  wholeNumber,
} from './options/options.js';
import { printLines } from './table.js';
import { counted } from '../system/counted.js';
import { expectDrawn } from './options/vain-options.js';

export const generateCommand = (context: Context) =>
  defineCommand({
    command: 'generate <run>',
    describe: 'Writes text with a trained language model',
    positionals: runPositional,
    mayBeEmpty: ['prompt'],
    options: {
      ...modelOptions,
      prompt: {
        type: 'string',
        default: '\n',
        requiresArg: true,
        describe: 'Text to go on from; the beginning of a line by default',
      },
      length: {
        type: 'string',
        coerce: wholeNumber('length', 1),
        default: 500,
        requiresArg: true,
        describe: 'Tokens to write',
      },
      temperature: {
        type: 'string',
        coerce: numberFrom('temperature', 0),
        requiresArg: true,
        describe: `Below 1 keeps to the likely, above 1 dares more; 0 takes the likeliest; ${USUAL_DRAWING.temperature} by default`,
      },
      'top-k': {
        type: 'string',
        coerce: wholeNumber('top-k', 0),
        requiresArg: true,
        describe: 'Draws among that many likeliest tokens; 0, the default, among all',
      },
      seed: {
        type: 'string',
        coerce: wholeNumber('seed', 0, 2 ** 32 - 1),
        requiresArg: true,
        describe: `The same seed writes the same text; ${USUAL_DRAWING.seed} by default`,
      },
    },
    async run({ run, prompt, length, ...args }) {
      expectDrawn(args);
      const { openModel } = await context.loadLibrary();
      const model = await openModel(run, toOpenOptions(args, context));
      try {
        expectUse(model, run, 'generate', 'a language model');
        const unknown = describeUnknown(model, prompt);
        if (unknown !== undefined) printLines(context.stderr, [unknown]);
        const pieces = model.generate({ prompt, length, ...fillDrawing(args) });
        await pipeline(Readable.from(surround(prompt, pieces)), context.stdout, { end: false });
      } finally {
        await model.close();
      }
      hintServe(context, run);
    },
  });

async function* surround(
  prompt: string,
  pieces: AsyncIterable<string>,
): AsyncGenerator<string, void, undefined> {
  if (prompt.trim() !== '') yield prompt;
  yield* pieces;
  yield '\n';
}

/** Of a model. */
interface UnknownTo {
  readonly tokenizer: Pick<Tokenizer, 'kind' | 'emptyToken' | 'unknownIn'>;
  readonly features: readonly Pick<FeatureVocabulary, 'kind'>[];
}

/** A sentence on what of a prompt the vocabulary has not; undefined where it has all, and of white space alone. */
export function describeUnknown(
  { tokenizer, features }: UnknownTo,
  prompt: string,
): string | undefined {
  if (prompt.trim() === '') return undefined;
  const all = tokenizer.unknownIn(prompt);
  if (all.length === 0) return undefined;
  const distinct = [...new Set(all)];
  const what = tokenizer.kind === 'word' ? 'word' : 'character';
  const [they, their] = all.length === 1 ? ['it is', 'its'] : ['they are', 'their'];
  const known = [...new Set(features.map(({ kind }) => told[kind]))];
  const fate =
    tokenizer.emptyToken === 0
      ? 'left out'
      : `read as unknown${known.length === 0 ? '' : `, but for ${their} ${known.join(' and ')}`}`;
  return `The prompt has ${counted(all.length, what)} that the model does not know (${listNames(distinct)}): ${they} ${fate}.`;
}

/** What is told of unknown words by features. */
const told: Record<FeatureVocabulary['kind'], string> = {
  shape: 'shape',
  prefix: 'first letters',
  suffix: 'last letters',
  letters: 'letters',
  column: 'columns',
};
