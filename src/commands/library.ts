import { type Config } from '../config/schema.js';
import { type Corpus } from '../data/corpus.js';
import { type ExampleOptions, type RowBatch } from '../data/examples.js';
import { type HeldOut, type HeldOutModel } from '../data/held-out.js';
import { type TokenStore } from '../data/token-store.js';
import { type Tokenizer } from '../data/tokenizers/tokenizer.js';
import { type Evaluation } from '../train/evaluation.js';
import { type EndEvent, type TrainListener } from '../train/events.js';

/**
 * What the commands need of the library. It is loaded when a command first calls it, so that help
 * and mistyped options do not wait for it, and tests put their own in its place.
 */
export interface Library {
  train: (
    config: Config,
    options: {
      runDir: string;
      resume: boolean;
      override?: boolean;
      listener: TrainListener;
      signal?: AbortSignal;
    },
  ) => Promise<EndEvent>;
  /** `run` is a run's directory or a checkpoint's. */
  openModel: (run: string, options?: OpenOptions) => Promise<TrainedModel>;
  prepareCorpus: (config: Config, listener: TrainListener) => Promise<Corpus>;
  prepareHeldOut: (
    model: HeldOutModel,
    paths: readonly string[],
    named: string,
    listener: TrainListener,
  ) => Promise<HeldOut>;
  readBatches: (
    paths: readonly string[],
    options: ExampleOptions,
    notify?: (message: string) => void,
  ) => AsyncIterable<RowBatch>;
  describeBackends: () => readonly { name: string; available: boolean; reason: string }[];
}

export interface OpenOptions {
  checkpoint?: string;
  workers?: number;
  backend?: Config['backend'];
  notify?: (message: string) => void;
}

export interface TrainedModel {
  readonly config: Config;
  readonly classes: readonly string[];
  readonly tokenizer: Tokenizer;
  readonly step: number;
  readonly checkpoint: string;
  /** Fingerprint of the corpus that it was trained on. */
  readonly corpus: string;
  /** Class probabilities of each text, in the order of `classes`. */
  classify(texts: readonly string[]): Promise<Float32Array[]>;
  evaluate(store: TokenStore): Promise<Evaluation>;
  generate(options: {
    prompt: string;
    length: number;
    temperature: number;
    topK: number;
    seed: number;
  }): AsyncIterable<string>;
  close(): Promise<void>;
}

export type { Evaluation };
