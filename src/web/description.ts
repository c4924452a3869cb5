import type { FeatureVocabulary } from '../data/features/features.js';
import type { SerializedTokenizer } from '../data/tokenizers/serialized.js';
import type { TextLimits } from '../decoding/translator.js';
import type { NetworkSizes } from '../model/sizes.js';
import type { Task } from '../tasks/task.js';

/** The version of what modules and models have to agree upon: a module reads its own alone. */
export const FORMAT = 2;

/** All of a model but its weights: what a module needs to know, as JSON. */
export interface ModelDescription {
  format: number;
  name: string;
  task: Pick<Task, 'call' | 'model' | 'does' | 'target' | 'gives'>;
  /** One part: a page has one thread. Of a translator those of texts under way, whose rows carry what they have read. */
  sizes: NetworkSizes;
  config: TextLimits & {
    model: { attention?: { kind: string } };
    train: { sequenceLength: number };
  };
  /** Ids that are never drawn. */
  undrawn: number[];
  /** A `bpe` has its tokenizer.json as `checkTokenizerJson` gives it. */
  tokenizer: SerializedTokenizer;
  sourceTokenizer?: SerializedTokenizer;
  classes: readonly string[];
  features: readonly FeatureVocabulary[];
}

/** Sentences that a translator reads at a time: fewer than where there are many cores. */
export const SENTENCES_AT_ONCE = 8;
