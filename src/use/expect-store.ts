import { formatVocabulary } from '../checkpoint/vocabulary-file.js';
import { describeValue } from '../config/expectation.js';
import type { TokenStore } from '../data/store/token-store.js';
import { UserError } from '../errors.js';
import { taskOf } from '../tasks/registry.js';
import type { TrainedModel } from '../train/trained-model.js';

/** @throws UserError for what is no token store, and where its token ids or its classes mean something else than the model's */
export function expectStore(model: TrainedModel, store: unknown): asserts store is TokenStore {
  if (typeof store !== 'object' || store === null || !('readRows' in store)) {
    throw new UserError(`evaluate: expected a token store, got ${describeValue(store)}`);
  }
  const { vocabulary } = store as TokenStore;
  if (vocabulary === undefined) return;
  if (formatVocabulary(vocabulary) === formatVocabulary(model)) return;
  const { target, named } = taskOf(model.config.task);
  const outputs = target === 'next token' ? '' : ` or other ${named.several}`;
  throw new UserError(
    `${model.checkpoint}: the token store was prepared with another vocabulary${outputs} than this model's: ` +
      'prepare its files with prepareHeldOut(model, paths)',
  );
}
