import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decode, type Stepper, type StepRow } from '../../src/decoding/decode.js';
import { tries } from '../effort.js';
import { beam, finish, tell, TinyModel } from './tiny-model.js';

/** Reads what it is told to read, and knows of each row only what its parent has read, in the last step of its sentence. */
function stepperOf(
  models: readonly TinyModel[],
  steps: StepRow[][],
  waits: (readonly number[])[],
  ranks: number,
): Stepper {
  const last = new Map<number, Map<number, number[]>>();
  return {
    ranks,
    step(rows, waiting, needsAll) {
      steps.push([...rows]);
      waits.push(waiting);
      const texts = rows.map(({ parent, token, sentence }) =>
        token === models[sentence]!.vocabulary ? [] : [...last.get(sentence)!.get(parent)!, token],
      );
      for (const { sentence } of rows) last.set(sentence, new Map());
      rows.forEach(({ sentence }, row) => last.get(sentence)!.set(row, texts[row]!));
      return Promise.resolve({
        ...tell((row) => models[rows[row]!.sentence]!.next(texts[row]!), ranks, needsAll),
        attention: (row) => models[rows[row]!.sentence]!.attention(texts[row]!),
      });
    },
  };
}

it('many sentences at once find what each finds alone', async () => {
  const seeds = fc.array(fc.nat(1e6), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(
      seeds,
      fc.integer({ min: 1, max: 4 }),
      fc.nat(5),
      async (each, width, some) => {
        const atOnce = 1 + (some % each.length);
        const models = each.map((seed) => new TinyModel(seed, 4));
        const open = () => models.map((model) => beam(model, { width, wanted: width }));
        const together = open();
        const steps: StepRow[][] = [];
        const waits: (readonly number[])[] = [];
        // Their vocabularies have no such token.
        await decode(together, stepperOf(models, steps, waits, some % 2 ? 3 : 0), 4, atOnce);
        const alone = open().map((search, i) => finish(search, models[i]!));
        expect(together.map((search) => search.results())).toEqual(
          alone.map((search) => search.results()),
        );
        expect(steps[0]!.map(({ parent }) => parent)).toEqual(models.map((_, i) => i));
        const computed = steps
          .slice(1)
          .map((rows) => new Set(rows.map(({ sentence }) => sentence)));
        const waiting = steps
          .slice(1)
          .map((_, step) => new Set([...computed.slice(step)].flatMap((s) => [...s])));
        // As many as may be, while there are so many.
        computed.forEach(({ size }, step) =>
          expect(size).toBe(Math.min(atOnce, waiting[step]!.size)),
        );
        // None that has ended in the first step waits.
        computed.forEach((now, step) =>
          expect(new Set(waits[step + 1])).toEqual(
            new Set([...waiting[step]!].filter((sentence) => !now.has(sentence))),
          ),
        );
      },
    ),
    { numRuns: tries(40) },
  );
});
