import { activate, multiplySlope } from './activation.js';
import { average, unitSquares } from './average.js';
import { binary } from './binary.js';
import { attend, attendBackward } from './attention.js';
import { adam } from './adam.js';
import { adagrad } from './adagrad.js';
import { copyColumns } from './columns.js';
import { convolve, joinTaps, partTaps } from './convolution.js';
import { convolveBfloat16 } from './convolution-bfloat16.js';
import { dropRows, dropWeights } from './drop-weights.js';
import {
  additiveBackward,
  additiveScores,
  crossAttend,
  crossAttendBackward,
  dotBackward,
  dotScores,
} from './cross-attention.js';
import { crf, crfEnds, crfPack, crfTransitions } from './crf.js';
import { dropout } from './dropout.js';
import { gateNormBackward, gateNormForward, gateNormGradient } from './gate-norm.js';
import { gatherRows, rowSquares, spreadRows, tokenSum } from './embedding.js';
import { gruOriginalBackward, gruOriginalForward } from './gru-original.js';
import { gruBackward, gruForward, gruNorm } from './gru.js';
import { beginGradient, beginRows, givenGradient } from './initial-state.js';
import { layerNormBackward, layerNormForward, layerNormGradient } from './layer-norm.js';
import { softmax } from './loss.js';
import { lstmBackward, lstmForward, lstmNorm } from './lstm.js';
import { momentum } from './momentum.js';
import { packPairs, roundPairs } from './pack-bfloat16.js';
import { pack, packBias } from './pack.js';
import { pool, unpool } from './pool.js';
import { evaluate, peak } from './probe.js';
import { productBfloat16 } from './product-bfloat16.js';
import { product } from './product.js';
import { rank } from './ranking.js';
import { regression } from './regression.js';
import { rmsprop, rmspropCentered, rmspropCenteredMomentum, rmspropMomentum } from './rmsprop.js';
import {
  rnnBackward,
  rnnForward,
  rnnNorm,
  rnnReluBackward,
  rnnReluForward,
  rnnReluNorm,
} from './rnn.js';
import { sgd } from './sgd.js';
import { weightGradient } from './weight-gradient.js';
import { pairTokens, weightGradientBfloat16 } from './weight-gradient-bfloat16.js';
import { carryInputs, neighbours } from './windows.js';

/** Every kernel, in the order of kernels/table.h: its place is the number that the compiled kernels know it by. */
export const KERNELS: readonly { readonly name: string }[] = [
  product,
  productBfloat16,
  lstmForward,
  lstmBackward,
  gruForward,
  gruBackward,
  gruOriginalForward,
  gruOriginalBackward,
  rnnForward,
  rnnBackward,
  rnnReluForward,
  rnnReluBackward,
  lstmNorm.forward,
  lstmNorm.backward,
  gruNorm.forward,
  gruNorm.backward,
  rnnNorm.forward,
  rnnNorm.backward,
  rnnReluNorm.forward,
  rnnReluNorm.backward,
  gateNormForward,
  gateNormBackward,
  gateNormGradient,
  beginRows,
  beginGradient,
  givenGradient,
  gatherRows,
  spreadRows,
  tokenSum,
  rowSquares,
  weightGradient,
  weightGradientBfloat16,
  pairTokens,
  activate,
  multiplySlope,
  pool,
  unpool,
  attend,
  attendBackward,
  dotScores,
  dotBackward,
  additiveScores,
  additiveBackward,
  crossAttend,
  crossAttendBackward,
  neighbours,
  carryInputs,
  convolve,
  convolveBfloat16,
  partTaps,
  joinTaps,
  softmax,
  rank,
  binary,
  regression,
  crf,
  crfPack,
  crfTransitions,
  crfEnds,
  adam,
  sgd,
  momentum,
  rmsprop,
  rmspropMomentum,
  rmspropCentered,
  rmspropCenteredMomentum,
  adagrad,
  average,
  unitSquares,
  layerNormForward,
  layerNormBackward,
  layerNormGradient,
  copyColumns,
  pack,
  packBias,
  roundPairs,
  packPairs,
  dropout,
  dropRows,
  dropWeights,
  evaluate,
  peak,
];
