import type { NamedConfig } from '../config/load.js';
import type { Config } from '../config/schema.js';
import type { BestEvaluation } from '../events.js';
import type { DrawOptions } from '../decoding/draw-options.js';
import type { TranslateOptions, Translated } from '../decoding/translation.js';
import type { FeatureVocabulary } from '../data/features/features.js';
import type { TokenStore } from '../data/store/token-store.js';
import type { Measures } from '../tasks/task.js';
import type { TargetScale } from '../tasks/target-scale.js';
import type { Tokenizer } from '../data/tokenizers/tokenizer.js';

/** What can be done with a trained model. Types alone: the library's public face names them. */

export interface OpenOptions {
  /** `best` (the default), `latest`, or the name of a checkpoint. */
  checkpoint?: string;
  workers?: number;
  backend?: Config['backend'];
  /** Hears how many rows, or sentences that are translated, were computed together, batch by batch. */
  onBatch?: (rows: number) => void;
  /** Hears where the run's config.yaml is not what the checkpoint was trained with; a warning of Node by default. */
  notify?: (message: string) => void;
}

/** What is absent is as the `serve` command has it: 200 tokens, drawn among all at a temperature of 0.8 with the seed 1. */
export interface GenerateOptions extends Partial<DrawOptions> {
  prompt: string;
  /** Tokens to draw. */
  length?: number;
}

/** Tokens, with what stands in the columns that a model reads beside them: of each, in the order of `model.features`, a text a token. */
export type Sentence =
  | readonly string[]
  | {
      readonly tokens: readonly string[];
      readonly columns: readonly (readonly string[])[];
    };

/**
 * What the probability can be told of: by a language model of a text, by a classifier of a class where a text is given, by a tagger of
 * tags where their tokens are, by a translator of a translation.
 */
export type Scorable =
  | string
  | { readonly text: string; readonly label: string }
  | { readonly source: string; readonly target: string }
  | {
      readonly tokens: readonly string[];
      readonly tags: readonly string[];
      /** As of a `Sentence`. */
      readonly columns?: readonly (readonly string[])[];
    };

/** How likely something is, in nats. */
export interface Likelihood {
  /** ln p of all of it; of a text with the end of its line, as those end that the model has learned from, of a translation with its end. */
  logProbability: number;
  /** Tokens that it is the product of, with ln p of each, given those before it, the end of a translation as a text of nothing; absent of classes, and of tags that are likely as a whole (crf). */
  tokens?: { text: string; logProbability: number }[];
  /** Words or characters of the text that the vocabulary has not: what is told of them is told of any such, or they are left out. */
  unknown: number;
  /** Of a pair: tokens of the source that were not read, since it is longer than any row may be (`data.maxSourceLength`); absent where all were. */
  unread?: number;
}

/**
 * What a model tells of a text, in names: of a classifier `label`, `probability` and `probabilities`; of a multi-label classifier `labels`
 * and `probabilities`; of a model of numbers `value`; of a tagger `tags`. Numbers have the seven digits that a float32 holds.
 */
export interface Prediction {
  /** The likeliest class, and how likely it is. */
  label?: string;
  probability?: number;
  /** The labels that are rather true than not (0.5 and more), in the order of `classes`. */
  labels?: string[];
  /** By name of the class or label. */
  probabilities?: Record<string, number>;
  /** In the unit of the numbers that it was trained on. */
  value?: number;
  /** One for each token. */
  tags?: string[];
}

export interface PredictManyOptions {
  /** Inputs that may be read ahead of the answer that is next; 256 where absent. */
  ahead?: number;
}

export interface Evaluation extends Measures {
  /**
   * Mean cross-entropy in nats per target, with the label smoothing and weights of training; of several labels a row the mean over them, too; of numbers the mean error as training has
   * it, of which the squared one is 1 for who tells their mean; of an ensemble without label smoothing.
   */
  loss: number;
  /** Of classes and tokens; of multi-label classifiers the share of rows all of whose labels were told, and no other. */
  accuracy?: number;
  targets: number;
}

/**
 * A model for use. Calls may come at any time and overlap: they take turns, share batches and spread them over the workers,
 * and what each gives depends on its own arguments alone. A model that is not closed does not keep the process alive.
 */
export interface TrainedModel {
  readonly config: NamedConfig;
  readonly tokenizer: Tokenizer;
  /** Of a translator that of the sources, where it is another one. */
  readonly sourceTokenizer?: Tokenizer;
  /** Names of the classes, or labels, in the order of their ids; empty for language models and models of numbers. */
  readonly classes: readonly string[];
  /** Mean and deviation of the numbers that a model of numbers was trained on. */
  readonly targetScale?: TargetScale;
  /** What the model knows of tokens beside, and the values of it that have an id. */
  readonly features: readonly FeatureVocabulary[];
  readonly step: number;
  readonly checkpoint: string;
  /** Where it was opened as the best checkpoint of its run: the evaluation that it was chosen by. */
  readonly best?: BestEvaluation;
  /** Fingerprint of the corpus that it was trained on. */
  readonly corpus: string;
  /**
   * What a model tells of one text, or of one sentence where it is a tagger, in names; not for models that write. Calls that come while others
   * are computed are computed together: there is no need for lists.
   */
  predict(input: string | Sentence): Promise<Prediction>;
  /** The same for any number of inputs as they come, in their order; at most `ahead` of them are under way. */
  predictMany(
    inputs: AsyncIterable<string | Sentence> | Iterable<string | Sentence>,
    options?: PredictManyOptions,
  ): AsyncGenerator<Prediction, void, undefined>;
  /**
   * A vector for each text, or sentence of a tagger: what the model's last layer, its head, reads. Of models that tell tags or tokens it is the mean
   * over all tokens. Not for translators.
   */
  embed(inputs: readonly (string | Sentence)[]): Promise<Float32Array[]>;
  /** Probabilities of each text in the order of `classes`: of its class, or of a multi-label classifier of each label by itself. */
  classify(texts: readonly string[]): Promise<Float32Array[]>;
  /** The number of each text, in the unit of those that it was trained on. */
  regress(texts: readonly string[]): Promise<number[]>;
  /** The tag of every token of each sentence; one that is longer than `data.maxLength` is read in parts. */
  tag(sentences: readonly Sentence[]): Promise<string[][]>;
  /** Translations of each text. What a text is translated to depends on itself alone, not on what is translated beside it. */
  translate(texts: readonly string[], options?: TranslateOptions): Promise<Translated[]>;
  /** How likely each text, class or list of tags is; not for models of numbers or of several labels. */
  score(rows: readonly Scorable[]): Promise<Likelihood[]>;
  /** Loss and what else tells how good predictions are, over a token store that was prepared with this model's vocabulary. */
  evaluate(store: TokenStore): Promise<Evaluation>;
  /** Draws tokens one after the other and yields their text; the same seed draws the same text. */
  generate(options: GenerateOptions): AsyncGenerator<string, void, undefined>;
  /**
   * Has the memory that the first call needs be made now, and the threads be started that larger ones need.
   *
   * @param options.threads false leaves the threads to the first call that needs them
   */
  warmUp(options?: { threads?: boolean }): Promise<void>;
  /**
   * Refuses calls from now on, waits for those under way and ends the threads. A text that nobody goes on reading does not
   * count as under way.
   */
  close(): Promise<void>;
}
