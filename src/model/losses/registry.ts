import type { LossKind } from '../loss.js';
import { binary } from './binary.js';
import { crf } from './crf.js';
import { absolute, squared } from './regression.js';
import { softmax } from './softmax.js';

/** Every kind of loss. */
const kinds: readonly LossKind[] = [softmax, crf, binary, squared, absolute];

/** @throws Error for a kind that there is not: configs have been checked */
export function lossKind(kind: string): LossKind {
  const found = kinds.find((each) => each.kind === kind);
  if (!found) throw new Error(`there is no loss ${kind}`);
  return found;
}
