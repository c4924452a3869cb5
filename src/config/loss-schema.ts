import * as z from 'zod';
import { float32 } from '../tensor/float32.js';

/** What a config says of the loss. */
export const lossSchema = z.strictObject({
  kind: z
    .enum(['softmax', 'crf', 'binary', 'squared', 'absolute'])
    .optional()
    .describe(
      'Whether every target is predicted by itself (softmax, the usual one of classes and tokens), or (crf, for `tag`) the tags of a row as a chain, whose transitions are learned and, by BIO or BIOES, kept to; each label by itself, whether a row has it (binary, of multi-label); of numbers (regress) whether errors count by their squares (squared, the usual one) or by their sizes (absolute), of which outliers make less.',
    ),
  labelSmoothing: float32(z.number().min(0).lt(1))
    .default(0)
    .describe(
      'Share of every target that is spread evenly over all classes, or all tokens, as PyTorch does it; 0.1 is usual.',
    ),
  classWeights: z
    .union([
      z.literal('balanced'),
      z.record(z.string(), float32(z.number().positive())).describe('Weights by class.'),
    ])
    .nullable()
    .default(null)
    .describe(
      'How much the rows (classify) or tokens (tag) of each class count in the loss: a number for each class by its name, 1 for those that are not named, or `balanced`: rows / (classes · rows of the class) of the training split.',
    ),
  positiveWeights: z
    .union([
      z.literal('balanced'),
      z.record(z.string(), float32(z.number().positive())).describe('Weights by label.'),
    ])
    .nullable()
    .default(null)
    .describe(
      "How much each label counts in the loss where a row has it (multi-label), as PyTorch's `pos_weight`: a number for each label by its name, 1 for those that are not named, or `balanced`: rows without it / rows with it, of the training split.",
    ),
});
