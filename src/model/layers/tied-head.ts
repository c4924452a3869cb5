import { defineLayer, UnfitInput } from '../layer.js';
import { bias, ZERO } from '../weights/parameters.js';
import type { Zod } from '../../zod.js';
import { denseOf } from './dense.js';

const options = (z: Zod) =>
  z.strictObject({
    width: z.int().positive().describe('Words of the vocabulary.'),
    embedding: z
      .strictObject({ name: z.string(), width: z.int().positive() })
      .describe("The embedding's weight: the parameter's name, and the width of a vector."),
  });

/**
 * A dense layer whose weight is that of an embedding (Press & Wolf 2017): what tokens are read by is what they are told by, W_e h + b. The
 * embedding, which is told so by its option `tied`, declares the weight; here is a bias of its own alone.
 */
export const tiedHead = defineLayer({
  kind: 'tied-head',
  options,
  accepts: ['row', 'token'],
  describe({ width, embedding }, input, { module }) {
    if (input.width !== embedding.width) {
      throw new UnfitInput(
        `expected as many values of a token on top as its embedding has, ${embedding.width}, got ${input.width}`,
      );
    }
    const b = bias(`${module}.bias`, width, ZERO);
    const layer = denseOf({ weight: embedding.name, bias: b, own: [b] }, input, {
      ...{ module, width, activation: 'none' },
    });
    return { ...layer, shares: [embedding.name] };
  },
});
