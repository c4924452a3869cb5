import { prepareHeldOut } from '../data/prepare/held-out.js';
import { prepareCorpus } from '../data/prepare/prepare.js';
import type { TokenStore } from '../data/store/token-store.js';
import { UserError } from '../errors.js';
import type { TrainListener } from '../events.js';
import { SharedModel } from '../use/model-file.js';
import type { ReadModel } from '../use/read-model.js';
import type { WeightsCompared } from './web-export.js';

/**
 * Evaluates a model with its weights and with others.
 *
 * @param data files to measure on; the validation split of the run's corpus where absent
 * @throws UserError where there is nothing to measure on
 */
export async function measureBoth(
  one: ReadModel,
  other: ReadModel,
  data: readonly string[] | undefined,
  listener: TrainListener = () => undefined,
): Promise<WeightsCompared> {
  const before = new SharedModel(one);
  const after = new SharedModel(other);
  const measure = async (store: TokenStore, on: string): Promise<WeightsCompared> => ({
    ...{ on, before: await before.evaluate(store), after: await after.evaluate(store) },
  });
  try {
    if (data !== undefined) {
      const heldOut = await prepareHeldOut(before, data, '--data', listener);
      try {
        return await measure(heldOut.store, data.join(' '));
      } finally {
        await heldOut.close();
      }
    }
    const instead = 'name files to measure on with --data, or export float32, which loses nothing';
    const corpus = await prepareCorpus(one.config, listener);
    try {
      const { checkpoint } = one.found;
      if (corpus.fingerprint !== one.state.corpus) {
        throw new UserError(
          `${checkpoint}: the corpus has changed since this checkpoint was written, so that its validation split tells nothing about int8: ${instead}`,
        );
      }
      if (corpus.validation === undefined) {
        throw new UserError(
          `${checkpoint}: its run has no validation split, so that the loss by int8 cannot be measured: ${instead}`,
        );
      }
      return await measure(corpus.validation, 'validation');
    } finally {
      await corpus.close();
    }
  } finally {
    await before.close();
    await after.close();
  }
}
