import type { MeasureName } from '../measures.js';
import type { StackLayer } from '../model/graph/stack-layers.js';

/**
 * The contract of tasks. What is learned comes down to four questions, and each is answered in one place, here: how rows are
 * dealt into batches, what is read of the network's top, what rows carry from batch to batch, and what a target is. A task is
 * one file and a line of the registry; everything above reads its answers and knows no task by name.
 */
export interface Task {
  readonly kind: string;
  /** Of what is learned, for the config's schema: "the class of a row". */
  readonly learns: string;
  /** A model of it, and what that does, for messages: "a classifier" that "predicts classes". */
  readonly model: string;
  readonly does: string;
  /** The call of a model that answers, and the command that uses it. */
  readonly call: 'classify' | 'generate' | 'regress' | 'tag' | 'translate';
  readonly command: 'predict' | 'generate' | 'translate';
  /**
   * How rows become batches: `apart`, each whole in one batch and one split; or `joined` to one stream of tokens that is cut
   * into as many as a batch has rows, which go on from batch to batch.
   */
  readonly rows: 'apart' | 'joined';
  /** Whether a row starts from the state that the row in its place of the batch before has ended with. */
  readonly carries: boolean;
  /**
   * What the rows of a source give: a text, which the tokenizer cuts; their tokens, each with its tag; or a pair of texts, of which
   * the one, the target, is learned from the other, the source.
   */
  readonly gives: 'text' | 'tokens' | 'pairs';
  /** The usual tokenizer. */
  readonly tokenizer: 'word' | 'bpe';
  /** Layouts of files that can be read, and how they are called. */
  readonly formats: readonly string[];
  readonly expects: string;
  /** What has a target, which is what is read of the top: a row, or each of its tokens. */
  readonly per: 'row' | 'token';
  /** What a target is: a class that the source names, any number of labels, the token that follows, or a number that the source gives. */
  readonly target: 'class' | 'labels' | 'next token' | 'number';
  /** What one of those that targets are drawn from is called, and several: "class" and "classes". */
  readonly named: { readonly one: string; readonly several: string };
  /** Kinds of loss that it can be trained with, the usual one first. */
  readonly losses: readonly [LossName, ...LossName[]];
  /** What is wrong with a config that its schema passed. */
  check(config: TaskConfig): TaskProblem[];
  /**
   * By what evaluations can be compared beside the loss: what all of them have a number for.
   *
   * @param classes absent before the data is known: what there is for some classes
   */
  measures(classes?: readonly string[]): readonly MeasureName[];
  /** What an evaluation finds out beside the loss and, of ids, the accuracy. */
  measure(classes: readonly string[]): Measure | undefined;
}

/** As a config names them. */
export type LossName = 'softmax' | 'crf' | 'binary' | 'squared' | 'absolute';

/** The part of a config that tasks look at. */
export interface TaskConfig {
  readonly data: {
    readonly train?: unknown;
    readonly validation?: unknown;
    readonly test?: unknown;
    readonly format?: string | undefined;
    readonly text: string | number;
    readonly label: string | number;
    readonly source?: string | number | undefined;
    readonly target?: string | number | undefined;
    readonly textUnit: string;
    readonly sharedVocabulary?: boolean | undefined;
    readonly sourceTokenizer?: { readonly kind: string } | undefined;
    readonly tokenizer: {
      readonly kind: string;
      readonly filters?: string | undefined;
      readonly split?: string;
      readonly lineEnd?: string | undefined;
      readonly outOfVocabulary?: string | null;
    };
  };
  readonly model: { readonly layers: readonly StackLayer[]; readonly features: readonly unknown[] };
}

/** Which key is wrong, and a sentence about it. */
export interface TaskProblem {
  path: readonly (string | number)[];
  message: string;
}

/** Adds batches up. */
export interface Measure {
  add(batch: ComparedBatch): void;
  /** @param crossEntropy mean of −ln p(target) over all targets, whatever the loss makes of it */
  result(crossEntropy: number): Measures;
}

/** What was predicted in the place of each target of a batch. */
export interface ComparedBatch {
  readonly rows: number;
  /** By row, or by place of a token: ids, the bits of numbers, or the words of sets of labels, set after set. */
  readonly targets: Int32Array;
  readonly predicted: Int32Array;
  /** [rows + 1]: where each row's tokens begin in `tokenPlaces`, which has the place of each. */
  readonly rowStart: Int32Array;
  readonly tokenPlaces: Int32Array;
}

export interface Score {
  precision: number;
  recall: number;
  f1: number;
  support: number;
}

/** How far numbers are from the true ones, in the unit of these. */
export interface NumberMeasures {
  /** Mean squared error, its root, and the mean size of errors. */
  mse: number;
  rmse: number;
  mae: number;
  /** Coefficient of determination: 1 less the share of the true numbers' variance that errors have; 0 for who tells their mean. */
  r2?: number;
}

export interface Measures extends Partial<NumberMeasures> {
  /** exp of the mean cross-entropy, without label smoothing; for language models. */
  perplexity?: number;
  /** `confusion[truth][predicted]` counts rows; for classifiers. */
  confusion?: number[][];
  /** Of whole entities, as conlleval counts them, or of labels: 0 where a share has nothing to it; for taggers and multi-label classifiers. */
  precision?: number;
  recall?: number;
  f1?: number;
  /** The same for each type of entity, by name; `support` counts the true ones. */
  entities?: Record<string, Score>;
  /** Of multi-label classifiers, whose `precision`, `recall` and `f1` are those of all labels of all rows together: means over the labels. */
  macro?: Omit<Score, 'support'>;
  /** The same for each label, by name; `support` counts the rows that have it. */
  labels?: Record<string, Score>;
}
