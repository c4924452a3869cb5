import type { LayerKind } from '../layer.js';
import { add } from './add.js';
import { attention } from './attention.js';
import { bridge } from './bridge.js';
import { concatenate } from './concatenate.js';
import { convolution } from './convolution.js';
import { crossAttention } from './cross-attention.js';
import { dense } from './dense.js';
import { dropout } from './dropout.js';
import { embedding } from './embedding.js';
import { expand } from './expand.js';
import { gru } from './gru.js';
import { last } from './last.js';
import { fed } from './fed.js';
import { inputFeeding } from './input-feeding.js';
import { layerNorm } from './layer-norm.js';
import { letters } from './letters.js';
import { lstm } from './lstm.js';
import { first, max, mean } from './pooling.js';
import { rnn } from './rnn.js';
import { selfAttention } from './self-attention.js';
import { sharedEmbedding } from './shared-embedding.js';
import { tiedHead } from './tied-head.js';

/** The kinds that run a cell over the tokens of a row, by their names in a config. */
const cells = { lstm, gru, rnn } as const;
export const CELLS = Object.keys(cells) as [keyof typeof cells, ...(keyof typeof cells)[]];

/** Every kind of layer. */
export const LAYERS: readonly LayerKind[] = [
  ...Object.values(cells),
  ...[
    embedding,
    sharedEmbedding,
    letters,
    expand,
    convolution,
    dense,
    tiedHead,
    dropout,
    layerNorm,
  ],
  ...[last, first, max, mean, attention],
  ...[bridge, crossAttention, selfAttention, fed, inputFeeding],
  ...[add, concatenate],
];

/** @throws Error for a kind that there is not: configs have been checked */
export function layerKind(kind: string): LayerKind {
  const found = LAYERS.find((each) => each.kind === kind);
  if (!found) throw new Error(`there is no kind of layer ${kind}`);
  return found;
}
