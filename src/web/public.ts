import type { DrawOptions } from '../decoding/draw-options.js';
import type { Translated, TranslateOptions } from '../decoding/translation.js';

/** What an exported model is for those who import it: its declarations are written beside it, all in one file. */

export type * from '../decoding/draw-options.js';
export type * from '../decoding/translation.js';

/** Bytes, or where they are: an address relative to the page's or the worker's own. */
export type FileSource = string | URL | ArrayBuffer | ArrayBufferView;

export interface LoadOptions {
  /** The model's file; `model.safetensors` beside the module where absent. */
  model?: FileSource;
  /** The kernels, where need be compiled already; `lockstep.wasm` beside the module where absent. */
  kernels?: FileSource | { readonly compiled: object };
}

/** What is absent: 200 tokens, drawn among all at a temperature of 0.8 with the seed 1. */
export interface GenerateOptions extends Partial<DrawOptions> {
  prompt: string;
  /** Tokens to draw. */
  length?: number;
}

/** Tokens; where `columns` names some, with the texts that stand in these beside them. */
export type Sentence =
  | readonly string[]
  | {
      readonly tokens: readonly string[];
      readonly columns: readonly (readonly string[])[];
    };

/** A model. It has the calls of the library's; that which is not its own is refused with a sentence. */
export interface Model {
  /** Of the run. */
  readonly name: string;
  readonly call: 'classify' | 'regress' | 'tag' | 'generate' | 'translate';
  /** Names of the classes, labels or tags, in the order of their ids. */
  readonly classes: readonly string[];
  /** Whether a text may have several of them, each with a probability of its own. */
  readonly isMultiLabel: boolean;
  /** Columns beside the tokens that a tagger reads. */
  readonly columns: readonly (string | number)[];
  /** Probabilities of each text in the order of `classes`. */
  classify(texts: readonly string[]): Promise<Float32Array[]>;
  /** The number of each text. */
  regress(texts: readonly string[]): Promise<number[]>;
  /** The tag of every token of each sentence. */
  tag(sentences: readonly Sentence[]): Promise<string[][]>;
  /** What stands below the model's head for each text or sentence, of as many numbers for all of them; of tokens their mean. Not of translators. */
  embed(inputs: readonly (string | Sentence)[]): Promise<Float32Array[]>;
  translate(texts: readonly string[], options?: TranslateOptions): Promise<Translated[]>;
  /** Draws tokens one after the other and yields their text; the same seed draws the same text. */
  generate(options: GenerateOptions): AsyncGenerator<string, void, undefined>;
}

/**
 * Loads the model and its kernels.
 *
 * @throws Error with a sentence on what could not be fetched or is damaged
 */
export declare function loadModel(options?: LoadOptions): Promise<Model>;
