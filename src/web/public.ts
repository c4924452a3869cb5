/** What an exported model is for those who import it: its declarations are written beside it, and name nothing else. */

/** Bytes, or where they are: an address relative to the page's or the worker's own. */
export type FileSource = string | URL | ArrayBuffer | ArrayBufferView;

export interface LoadOptions {
  /** The model's file; `model.safetensors` beside the module where absent. */
  model?: FileSource;
  /** The kernels, where need be compiled already; `lockstep.wasm` beside the module where absent. */
  kernels?: FileSource | { readonly compiled: object };
}

/** How tokens are drawn by their probabilities. */
export interface DrawOptions {
  /** Divides the logits: below 1 bolder towards the likely, 0 always the most likely. */
  temperature: number;
  /** Draws among this many most likely tokens; 0 for all. */
  topK: number;
  seed: number;
}

export interface GenerateOptions extends DrawOptions {
  prompt: string;
  /** Tokens to draw. */
  length: number;
}

export interface TranslateOptions {
  /** Texts that are followed at a time: 1 takes the likeliest token each time; 5 where absent. */
  beam?: number;
  /** How many translations of each text are given, the best first; at most as many as the beam is wide; 1 where absent. */
  best?: number;
  /** What ln p is divided by where translations are compared: their length (`average`, where absent), or ((5 + length) / 6)^α for a number. */
  lengthNormalisation?: 'average' | number;
  /** How much it costs to leave words of the source unattended; 0 where absent. */
  coveragePenalty?: number;
  /** Tokens in a row of which a translation has no two alike; 0, where absent, allows any. */
  noRepeat?: number;
  /** Tokens of a translation, at most. */
  maxLength?: number;
  /** What becomes of words that the vocabulary has not: that which was attended to stands in their place, they stay as they are, or are not written. */
  unknown?: 'replace' | 'keep' | 'avoid';
  /** Draws tokens by their probability in the place of a beam. */
  sampling?: DrawOptions;
  /** Whether translations come with what was attended to. */
  attention?: boolean;
}

export interface Translation {
  text: string;
  /** Natural logarithm of its probability. */
  logProbability: number;
  /** What it was ranked by. */
  score: number;
  tokens: string[];
  /** Whether it ends because it may be no longer. */
  isCut: boolean;
  /** Of each token the place among the source's tokens that was attended to most. */
  alignment?: number[];
  /** [tokens and the end, source's tokens] */
  attention?: number[][];
}

export interface Translated {
  /** The best first; none of a text without tokens. */
  translations: Translation[];
  sourceTokens: string[];
  /** Tokens of the source that were not read, since it is longer than any row may be. */
  unread: number;
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
