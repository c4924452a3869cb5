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
/** That of the source's tokens, below those of all features. */
export const SOURCE = -(2 ** 30);

/** What a network's outputs are compared with, and how: plain data, too. */
export interface LossDescription {
  kind: string;
  /** As the kind takes them. */
  options: unknown;
}

/** Something that is known of tokens: of each one of so many values, or how it is spelled, with so many letters. */
export interface FeatureShape {
  /** Ids run from 0 to values − 1. */
  values: number;
  /** Of spellings: letters of a token at most. */
  letters?: number;
}

/** What defines a network; everything else about it follows. */
export interface NetworkShape {
  /** Token ids run from 0 to vocabulary − 1. */
  vocabulary: number;
  /** What is known of tokens beside. */
  features?: readonly FeatureShape[];
  /**
   * A second text of every row, which layers may read: of a translation what is translated. `isShared` tells that its ids mean what
   * those of the tokens do, of which there are as many: a batch then numbers the distinct ones of both together.
   */
  source?: { vocabulary: number; isShared?: boolean };
  /**
   * A graph, each layer behind those that it stands on: from the bottom, whose input is the tokens, to the top, whose output is
   * the loss's input. An output may be the input of several layers.
   */
  layers: readonly LayerDescription[];
  loss: LossDescription;
  /** Whether rows keep their places and go on where those of the batch before have ended. */
  carries: boolean;
}

/** Ids of one kind that a batch has. */
export interface Stream {
  /** How many there may be; of spellings as many as there are tokens: each batch numbers its own. */
  values: number;
  /** Of letters: the stream of the spellings that they make up, and how many each has at most. */
  spells?: { stream: number; most: number };
}

/**
 * The streams of a batch by their numbers: the tokens, 0; what is known of them beside, from 1, spellings being one value each; and behind
 * these the letters of each such spelling.
 */
export function streamsOf({
  vocabulary,
  features = [],
}: Pick<NetworkShape, 'vocabulary' | 'features'>): Stream[] {
  return [
    { values: vocabulary },
    ...features.map(({ values, letters }) => ({
      values: letters === undefined ? values : Infinity,
    })),
    ...features.flatMap(({ values, letters }, i) =>
      letters === undefined ? [] : [{ values, spells: { stream: i + 1, most: letters } }],
    ),
  ];
}

/** The stream that the layers read at a feature's place: that of its values, or of its letters. */
export function readStream(streams: readonly Stream[], feature: number): number {
  const letters = streams.findIndex(({ spells }) => spells?.stream === feature + 1);
  return letters < 0 ? feature + 1 : letters;
}

/** Whether tokens are spelled. */
export function hasLetters({ features = [] }: Pick<NetworkShape, 'features'>): boolean {
  return features.some(({ letters }) => letters !== undefined);
}
