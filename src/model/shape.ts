/** Parameters are named as PyTorch's modules name theirs: `gru.weight_ih_l0` by the module and the layer's number in it. */
export interface LayerName {
  module: string;
  index: number;
}

/** One layer of a network: plain data, which every thread is sent. */
export interface LayerDescription {
  kind: string;
  name: LayerName;
  /** As the kind's schema has checked them. */
  options: unknown;
  /** What it stands on: places of layers before it in the network's list, or `TOKENS`; the layer just before it where absent. */
  inputs?: readonly number[];
}

/** The place of the tokens among a layer's inputs; those of their features stand before it: −2, −3, … */
export const TOKENS = -1;

/** What a network's outputs are compared with, and how: plain data, too. */
export interface LossDescription {
  kind: string;
  /** As the kind takes them. */
  options: unknown;
}

/** What defines a network; everything else about it follows. */
export interface NetworkShape {
  /** Token ids run from 0 to vocabulary − 1. */
  vocabulary: number;
  /** What is known of tokens beside: for each such feature how many values it has, whose ids run from 0. */
  features?: readonly number[];
  /**
   * A graph, each layer behind those that it stands on: from the bottom, whose input is the tokens, to the top, whose output is
   * the loss's input. An output may be the input of several layers.
   */
  layers: readonly LayerDescription[];
  loss: LossDescription;
  /** Whether rows keep their places and go on where those of the batch before have ended. */
  carries: boolean;
}

/** How many ids there are of tokens, stream 0, or of one of their features. */
export function vocabularyOf(
  { vocabulary, features = [] }: Pick<NetworkShape, 'vocabulary' | 'features'>,
  stream: number,
): number {
  return stream === 0 ? vocabulary : features[stream - 1]!;
}
