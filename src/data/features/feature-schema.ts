import * as z from 'zod';

/** Features as JSON, in the manifest of a token store and in a run's directory. */

const shape = z.strictObject({ kind: z.literal('shape') });
const prefix = z.strictObject({ kind: z.literal('prefix'), length: z.int().positive() });
const suffix = z.strictObject({ kind: z.literal('suffix'), length: z.int().positive() });
const column = z.strictObject({
  kind: z.literal('column'),
  column: z.union([z.string(), z.int().positive()]),
});

const letters = z.strictObject({ kind: z.literal('letters'), maxLetters: z.int().positive() });

/** Where a feature's values come from. */
export type Feature = z.output<
  typeof shape | typeof prefix | typeof suffix | typeof column | typeof letters
>;

/** In the order of their ids, from 1; 0 is every other one. */
const values = { values: z.array(z.string()) };

/** Checks features that were read from disk, with the values that have an id. */
export const featureVocabularySchema = z.discriminatedUnion('kind', [
  shape.extend(values),
  prefix.extend(values),
  suffix.extend(values),
  column.extend(values),
  letters.extend(values),
]);

export type FeatureVocabulary = z.output<typeof featureVocabularySchema>;
