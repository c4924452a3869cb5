import type { MeasureName, MeasureValues } from './measures.js';

/**
 * What a run tells the outside. The library emits these; commands and `observe/` print, log and
 * count them. Durations are in seconds, sizes in bytes; `step` counts finished optimizer updates.
 */
export type TrainEvent =
  | StartEvent
  | PrepareEvent
  | StepEvent
  | EvaluationEvent
  | SamplesEvent
  | HardestEvent
  | ConfusionEvent
  | TimelineEvent
  | ResourcesEvent
  | CheckpointEvent
  | CheckpointFailedEvent
  | WorkerEvent
  | NoticeEvent
  | EndEvent;

export interface StartEvent {
  type: 'start';
  runDir: string;
  /** As the config names it. */
  task: string;
  /** What computes, how it rounds, and what its products multiply. */
  backend: { name: string; reason: string; profile: string; precision: 'float32' | 'bfloat16' };
  workers: number;
  parameters: number;
  heapBytes: number;
  /** The network's layers from the bottom, each with its share of the multiply-adds, as `lockstep inspect` prints them. */
  network: LayerEntry[];
  /**
   * Floating-point operations of a training step for each token of a batch, on average over the training split, in the usual count: a
   * multiply-add is two, forward one share, backward two.
   */
  flopsPerToken: number;
  /** What of `heapBytes` is for what: weights, optimizer, gradients, activations, batches … */
  memory: Record<string, number>;
  /** Optimizer updates already done (0 for a new run) and in the whole run. */
  fromStep: number;
  totalSteps: number;
  stepsPerEpoch: number;
  /** SHA-256 of the part of the config that decides the weights. */
  configDigest: string;
  /** By what evaluations are compared, and the best one of earlier starts. */
  bestBy: MeasureName;
  best?: BestEvaluation;
  /** Rows of the data that were left out, because they cannot be used. */
  badRows: number;
  trainRows: number;
  trainTokens: number;
  validationRows: number;
  /** Size of the vocabulary, and the names of the classes in id order where there are any. */
  vocabulary: number;
  classes: string[];
  /** Mean and deviation of the numbers to train on, where rows have numbers. */
  targetScale?: { mean: number; deviation: number };
  /** Rows of each class to train on, or tokens of each tag, in the same order. */
  classRows: readonly number[];
  /** What has a class each; a row when absent. */
  classPer?: 'row' | 'token';
  /** What one of them is called and several are, such as "label" and "labels"; "class" and "classes" when absent. */
  classNamed?: { readonly one: string; readonly several: string };
}

export interface LayerEntry {
  name: string;
  kind: string;
  /** Values of a row, or token, of its output. */
  width: number;
  parameters: number;
  /** Of the multiply-adds of the whole network, 0 to 1. */
  share: number;
}

export interface PrepareEvent {
  type: 'prepare';
  /**
   * The phases in their order: copying standard input, where it is read, looking at the files, cutting their text into tokens, counting those,
   * writing the store. `reused` when the store on disk still fits its sources and options.
   */
  phase: 'copy' | 'survey' | 'tokenize' | 'vocabulary' | 'write' | 'reused' | 'done';
  /** Of the sources, and from `vocabulary` on of what was made of them. */
  bytesDone: number;
  /** Null of standard input. */
  bytesTotal: number | null;
  rows: number;
  tokens: number;
  storeDir: string;
}

/** How good predictions are, beside the loss. */
export interface Quality {
  /** Share of targets predicted rightly; of classes, sets of labels and tokens. */
  accuracy?: number | undefined;
  /** Mean squared error in the unit of the targets; of numbers. */
  mse?: number | undefined;
}

export interface StepEvent extends Quality {
  type: 'step';
  step: number;
  epoch: number;
  /** Mean cross-entropy of the batch in nats per target, with label smoothing and class weights; of numbers the mean error, standardised. */
  loss: number;
  gradNorm: number;
  learningRate: number;
  rows: number;
  tokens: number;
  duration: number;
  /** Where the step's time went, by phase name; the sum is `duration`. */
  phases: Record<string, number>;
  /** Share of `workers × duration` spent computing. */
  busy: number;
}

/** With what the task measures: see `Measures`. */
export interface EvaluationEvent extends MeasureValues {
  type: 'evaluation';
  step: number;
  split: string;
  loss: number;

  targets: number;
  duration: number;
  /** Whether it is better than all before, by `train.bestBy`. */
  best: boolean;
}

/**
 * A row of the validation split, and what the model makes of it: of classifiers the text, its class and the one told; of taggers
 * tokens as "word/TAG"; of translators the source, what is given and the translation; of language models how a text begins and how
 * the model goes on. Texts are as the model reads them, and cut where they are long.
 */
export interface SampleRow {
  /** Number of the row in the split's store, from 0; of language models of the token that the text begins at. */
  row: number;
  text: string;
  target?: string;
  predicted?: string;
  /** Of what is predicted, where one class or set of labels is. */
  probability?: number;
  /** Of the row's target in nats, of tokens their mean; of numbers their standardised error. */
  loss?: number;
  /** Of translations: [target, source], how much each token that was written attended to each of the source. */
  attention?: { source: string[]; target: string[]; weights: number[][] };
}

/** The same few rows at each evaluation of the validation split; left out where they would take more time than they should. */
export interface SamplesEvent {
  type: 'samples';
  step: number;
  split: string;
  rows: SampleRow[];
}

/** The rows of an evaluation with the greatest loss, that one first. */
export interface HardestEvent {
  type: 'hardest';
  step: number;
  split: string;
  rows: SampleRow[];
}

/** What an evaluation has predicted of which class; of classifiers and taggers. */
export interface ConfusionEvent {
  type: 'confusion';
  step: number;
  split: string;
  /** Those with the most rows to train on, in the order of their ids; behind them "(others)" where there are more. */
  classes: string[];
  /** [true, predicted] */
  counts: number[][];
}

/** What the workers did in one step; now and then. */
export interface TimelineEvent {
  type: 'timeline';
  step: number;
  /** By worker: its phases, with seconds from the step's start; between them it waited. */
  workers: { phase: string; begin: number; end: number }[][];
}

/** What the process takes of the machine; now and then. */
export interface ResourcesEvent {
  type: 'resources';
  step: number;
  residentBytes: number;
  /** Of JavaScript objects of the thread that trains. */
  heapBytes: number;
  /** Of all threads since the process began. */
  cpuSeconds: number;
}

/** The best evaluation of a run, with all that it has measured. */
export interface BestEvaluation extends MeasureValues {
  step: number;
  loss: number;
  /** By what it is the best; absent where that is the loss. */
  by?: MeasureName | undefined;
}

export interface CheckpointEvent {
  type: 'checkpoint';
  step: number;
  path: string;
  bytes: number;
  duration: number;
}

/** A checkpoint that could not be written; training goes on and tries again at the next one. */
export interface CheckpointFailedEvent {
  type: 'checkpoint-failed';
  step: number;
  /** What the file system said: "no space left on device (ENOSPC)". */
  reason: string;
}

export interface WorkerEvent {
  type: 'worker';
  kind: 'died';
  reason: string;
  /** Whether its task is given to another one; else the run ends. */
  retried?: boolean;
}

/** One sentence worth telling the user: a fallback, a resume, a request to stop. */
export interface NoticeEvent {
  type: 'notice';
  message: string;
}

export interface EndEvent {
  type: 'end';
  /** `finished` when every step was done, `stopped` on a signal. */
  reason: 'finished' | 'stopped';
  step: number;
  duration: number;
  checkpoint: string;
  best?: BestEvaluation;
}

/**
 * Hears events as they happen. What it throws ends the run or the preparation and is thrown to the caller; so is what the
 * promise of an async listener rejects with, at the next event or the end, which waits for it.
 */
export type TrainListener = (event: TrainEvent) => void;
