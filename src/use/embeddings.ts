import type { CarriedState } from '../compute/carried-state.js';
import type { Config } from '../config/schema.js';
import { type EncodedTokens, type RowEncoder, sliceTokens } from '../data/batches/encode-row.js';
import { UserError } from '../errors.js';
import { describeNetwork } from '../model/graph/describe.js';
import type { LayerDescription, NetworkShape } from '../model/graph/shape.js';
import type { Task } from '../tasks/task.js';
import { RowBatches, type RowEngine } from './row-batches.js';
import { copySentences, copyTexts } from './sentences.js';

/** What has embeddings of texts computed. */
export interface EmbeddingModel {
  readonly task: Pick<Task, 'gives' | 'target'>;
  readonly encoder: RowEncoder;
  /** That stand beside a tagger's tokens. */
  readonly columns: readonly (string | number)[];
  readonly limits: Pick<Config['data'], 'maxLength' | 'truncate'>;
  /** Tokens of a language model's text that are read at once. */
  readonly longestRow: number;
  /** What stands for a language model's text without tokens. */
  readonly emptyToken: number;
}

const HEAD = 'head';

/** A network that tells what a model's head reads. */
export interface EmbeddingNetwork {
  readonly shape: NetworkShape;
  /** Of what is in the head's place: as many outputs as there are inputs, each one of those. */
  readonly head: { readonly weight: string; readonly values: Float32Array };
  readonly width: number;
}

export function describeEmbeddings(shape: NetworkShape): EmbeddingNetwork {
  const { layers, inputs } = describeNetwork(shape);
  const top = shape.layers.length - 1;
  const [below] = inputs[top]!;
  const { width } = layers[below!]!.output;
  const identity = new Float32Array(width * width);
  for (let i = 0; i < width; i++) identity[i * width + i] = 1;
  const head: LayerDescription = {
    ...{ kind: 'dense', name: { module: HEAD, index: 0 } },
    options: { width, activation: 'none', bias: false },
    ...(shape.layers[top]!.inputs && { inputs: shape.layers[top]!.inputs }),
  };
  return {
    width,
    shape: {
      ...shape,
      layers: [...shape.layers.slice(0, top).map(untie), head],
      // Leaves a row's first output as it is, and all others.
      loss: { kind: 'squared', options: {} },
    },
    head: { weight: `${HEAD}.weight`, values: identity },
  };
}

/** An embedding whose weight is the head's, too, has it to itself where there is no such head. */
function untie(layer: LayerDescription): LayerDescription {
  const options = layer.options as Readonly<Record<string, unknown>>;
  return options['tied'] === true ? { ...layer, options: { ...options, tied: false } } : layer;
}

/** Vectors of texts and sentences: what stands below a model's head. */
export class Embeddings {
  readonly #rows: RowBatches;

  constructor(
    private readonly model: EmbeddingModel,
    engine: RowEngine,
    private readonly width: number,
  ) {
    this.#rows = new RowBatches(engine);
  }

  /** @throws UserError for what is no list of texts, or of a tagger's sentences */
  async embed(inputs: readonly unknown[]): Promise<Float32Array[]> {
    const { gives, target } = this.model.task;
    if (gives === 'tokens') {
      return this.#embedSentences(copySentences(inputs, this.model.columns, 'embed'));
    }
    const texts = copyTexts('embed', inputs);
    return target === 'next token' ? this.#embedTexts(texts) : this.#embedRows(texts);
  }

  /** The vector that a text's class or number is told from. */
  async #embedRows(texts: readonly string[]): Promise<Float32Array[]> {
    const { encoder, limits } = this.model;
    const vectors = texts.map(() => new Float32Array(this.width));
    await this.#rows.compute({
      count: texts.length,
      encode: (row) => encoder.encodeRow(texts[row]!, limits),
      placeFor: (row) => vectors[row]!,
    });
    return vectors;
  }

  /** The mean over the tokens of each of the vectors that tags are told from; longer ones are read in parts. */
  async #embedSentences(
    sentences: readonly {
      readonly tokens: readonly string[];
      readonly columns: readonly (readonly string[])[];
    }[],
  ): Promise<Float32Array[]> {
    const { encoder, limits } = this.model;
    const { maxLength } = limits;
    const parts = sentences.flatMap(({ tokens }, sentence) =>
      Array.from({ length: Math.ceil(tokens.length / maxLength) }, (_, part) => ({
        sentence,
        start: part * maxLength,
        end: Math.min(tokens.length, (part + 1) * maxLength),
      })),
    );
    const vectors = sentences.map(({ tokens }) => this.#places(tokens.length));
    await this.#rows.compute({
      count: parts.length,
      encode: (part) => {
        const { sentence, start, end } = parts[part]!;
        const { tokens, columns } = sentences[sentence]!;
        return encoder.encodeTokens(
          tokens.slice(start, end),
          columns.map((texts) => texts.slice(start, end)),
        );
      },
      tokenPlacesFor: (part) => {
        const { sentence, start, end } = parts[part]!;
        return vectors[sentence]!.slice(start, end);
      },
    });
    return vectors.map((each) => meanOf(each, this.width));
  }

  /** The same of texts as a language model reads them, each from the beginning of a line on. */
  #embedTexts(texts: readonly string[]): Promise<Float32Array[]> {
    const { encoder, emptyToken } = this.model;
    return Promise.all(
      texts.map(async (text) => {
        const encoded = encoder.encode(text);
        const isEmpty = encoded.tokens.length === 0;
        return this.#embedText(isEmpty ? encoder.encodeToken(emptyToken) : encoded);
      }),
    );
  }

  async #embedText(text: EncodedTokens): Promise<Float32Array> {
    const vectors = this.#places(text.tokens.length);
    const state: CarriedState = {};
    const atOnce = this.model.longestRow;
    for (let at = 0; at < vectors.length; at += atOnce) {
      await this.#rows.compute({
        ...{ count: 1, state },
        encode: () => sliceTokens(text, at, at + atOnce),
        tokenPlacesFor: () => vectors.slice(at, at + atOnce),
      });
    }
    return meanOf(vectors, this.width);
  }

  #places(tokens: number): Float32Array[] {
    return Array.from({ length: tokens }, () => new Float32Array(this.width));
  }
}

/** @throws UserError for a model that reads two texts, of which none is the text's */
export function expectEmbeddings(
  { gives, model, does }: Pick<Task, 'gives' | 'model' | 'does'>,
  name: string,
): void {
  if (gives !== 'pairs') return;
  throw new UserError(`${name} is ${model}: it ${does}, it does not embed`);
}

/** In float64, token by token; zeros of none. */
function meanOf(vectors: readonly Float32Array[], width: number): Float32Array {
  const sums = new Float64Array(width);
  for (const vector of vectors) vector.forEach((value, i) => (sums[i]! += value));
  return Float32Array.from(sums, (sum) => sum / Math.max(1, vectors.length));
}
