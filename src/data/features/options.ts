import * as z from 'zod';
import { MOST_TAPS } from '../../backend/kernels/windows.js';

/** What a config says of features of words, a schema a kind. */

const count = z.int().positive();

const common = {
  minCount: count
    .default(2)
    .describe(
      'Values seen fewer times than this in the training split have the vector of unknown ones.',
    ),
  vocabularySize: z
    .int()
    .min(2)
    .default(10_000)
    .describe('How many values have a vector, that of all unknown ones included.'),
};

const width = (usual: number) => count.default(usual).describe('Width of the vectors.');

const length = count
  .max(16)
  .default(3)
  .describe('Letters; a shorter word is its own. Capitals count as small letters, digits as 0.');

/** Letters that a convolution sees at a time where nothing is said (Ma and Hovy 2016). */
const USUAL_WINDOW = 3;

/** Longest spelling that a config may ask for. */
const MOST_LETTERS = 64;

export const featureSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('shape'), width: width(16), ...common }),
  z.strictObject({ kind: z.literal('prefix'), length, width: width(32), ...common }),
  z.strictObject({ kind: z.literal('suffix'), length, width: width(32), ...common }),
  z.strictObject({
    kind: z.literal('column'),
    column: z
      .union([z.string().min(1), count])
      .describe(
        'What holds a value for each token: a number of CoNLL columns, from 1; a field with a list.',
      ),
    width: width(32),
    ...common,
  }),
  z
    .strictObject({
      kind: z.literal('letters'),
      maxLetters: count
        .max(MOST_LETTERS)
        .default(20)
        .describe('Letters that are read of a word: of a longer one as many from both ends.'),
      embedding: count.default(30).describe('Width of the vectors of the letters.'),
      read: z
        .enum(['convolution', 'lstm'])
        .default('convolution')
        .describe(
          'What reads the letters: a convolution, of whose outputs the largest value of each column stays; or two LSTMs, one from each end, of half the width each.',
        ),
      window: count
        .max(MOST_TAPS)
        .optional()
        .describe(
          `Letters that a convolution along a word sees at a time, ${USUAL_WINDOW} where nothing is said.`,
        ),
      width: width(30),
      ...common,
    })
    .refine(({ read, window }) => read === 'convolution' || window === undefined, {
      path: ['window'],
      error: 'expected beside read: convolution alone, which sees some letters at a time',
    })
    // Said or not, it is the same window.
    .transform((given) =>
      given.read === 'convolution' ? { ...given, window: given.window ?? USUAL_WINDOW } : given,
    ),
]);

export type FeatureConfig = z.output<typeof featureSchema>;
