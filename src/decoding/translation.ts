import type { DrawOptions } from './draw-options.js';

/** How translations are searched for. */
export interface TranslateOptions {
  /** Texts that are followed at a time: 1 takes the likeliest token each time; 5 where absent. */
  beam?: number;
  /** How many translations of each text are given, the best first; at most as many as the beam is wide; 1 where absent. */
  best?: number;
  /** What ln p is divided by where translations are compared: their length (`average`, where absent), or ((5 + length) / 6)^α for a number, so that 0 leaves it as it is. */
  lengthNormalisation?: 'average' | number;
  /** How much it costs to leave words of the source unattended (β of Wu et al. 2016); 0 where absent. */
  coveragePenalty?: number;
  /** Tokens in a row of which a translation has no two alike; 0, where absent, allows any. */
  noRepeat?: number;
  /** Tokens of a translation, at most; `data.maxLength` where absent. */
  maxLength?: number;
  /** What becomes of words that the vocabulary has not: that which was attended to stands in their place (where there is attention, by default), they stay as they are, or are not written. */
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
  /** Of each token the place among the source's tokens that was attended to most; where there is attention. */
  alignment?: number[];
  /** [tokens and the end, source's tokens]: how much each attended to each; where that is asked for. */
  attention?: number[][];
}

/** What was made of a text. */
export interface Translated {
  /** The best first; none of a text without tokens. */
  translations: Translation[];
  /** As the model reads them, words that it does not know as they are written. */
  sourceTokens: string[];
  /** Tokens of the source that were not read, since it is longer than any row may be (`data.maxSourceLength`). */
  unread: number;
}
