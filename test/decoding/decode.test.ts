import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decode, type Stepper, type StepRow } from '../../src/decoding/decode.js';
import { tries } from '../effort.js';
import { beam, finish, TinyModel } from './tiny-model.js';

/** Reads what it is told to read, and knows of each row only what its parent has read. */
function stepperOf(models: readonly TinyModel[], steps: StepRow[][]): Stepper {
  let texts: number[][] = models.map(() => []);
  return {
    step(rows) {
      steps.push([...rows]);
      texts = rows.map(({ parent, token, sentence }) =>
        token === models[sentence]!.vocabulary ? [] : [...texts[parent]!, token],
      );
      return Promise.resolve({
        probabilities: (row) => models[rows[row]!.sentence]!.next(texts[row]!),
        attention: (row) => models[rows[row]!.sentence]!.attention(texts[row]!),
      });
    },
  };
}

it('many sentences at once find what each finds alone', async () => {
  const seeds = fc.array(fc.nat(1e6), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(seeds, fc.integer({ min: 1, max: 4 }), async (each, width) => {
      const models = each.map((seed) => new TinyModel(seed, 4));
      const open = () => models.map((model) => beam(model, { width, wanted: width }));
      const together = open();
      const steps: StepRow[][] = [];
      // Their vocabularies have no such token.
      await decode(together, stepperOf(models, steps), 4);
      const alone = open().map((search, i) => finish(search, models[i]!));
      expect(together.map((search) => search.results())).toEqual(
        alone.map((search) => search.results()),
      );
      expect(steps[0]!.map(({ parent }) => parent)).toEqual(models.map((_, i) => i));
    }),
    { numRuns: tries(40) },
  );
});
