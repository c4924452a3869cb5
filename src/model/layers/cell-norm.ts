import {
  gateNormBackward,
  gateNormForward,
  gateNormGradient,
} from '../../backend/kernels/gate-norm.js';
import { layerNormGradient } from '../../backend/kernels/layer-norm.js';
import type { CellNormOperands } from '../../backend/kernels/sequence.js';
import { PANEL, panelsOf, type HeapPlan, type Tensor } from '../../tensor/heap.js';
import { bindParameter, countRows, sumOrder, type Binding, type RowKernel } from '../binding.js';
import type { Pack } from '../layer.js';
import { packBias } from '../weights/packed-weight.js';
import { bias, ZERO, type Initial } from '../weights/parameters.js';
import type { Signal } from '../signal.js';
import { maxPlaces, mostRows, type NetworkSizes } from '../sizes.js';
import { weightGradientGroup } from '../weights/weight-gradients.js';
import type { WorkGroup } from '../work/shares.js';
import type { CellKind, NormBuffers, NormParameters, RecurrentParameters } from './cell.js';

/*
 * Layer normalization within a recurrent layer (Ba et al. 2016): of the products with x_t, of those with h_{t−1}, each over all sums of
 * a token, and of an LSTM's cell state before it shows. That of x_t does not wait for the recurrence: what is by distinct token is normalised
 * once for each. Gradients go by token everywhere, since a distinct token's are sums of those.
 */

/** Added to variances, as PyTorch's LayerNorm does. */
const EPSILON = 1e-5;
const ONE: Initial = { kind: 'blocks', values: [1] };

export function describeNorm(
  { inputRows, hiddenRows, normed }: CellKind,
  hidden: number,
  name: (what: string) => string,
): NormParameters {
  const own = { gradientKind: { kind: 'own' } } as const;
  return {
    inputGain: bias(name('gain_ih'), inputRows.blocks * hidden, ONE, { rows: inputRows, ...own }),
    hiddenGain: bias(name('gain_hh'), hiddenRows.blocks * hidden, ONE, {
      rows: hiddenRows,
      ...own,
    }),
    ...(normed!.state && {
      state: {
        gain: bias(name('gain_cell'), hidden, ONE, own),
        bias: bias(name('bias_cell'), hidden, ZERO),
      },
    }),
  };
}

/** In the order in which checkpoints have them. */
export function listNorm({ inputGain, hiddenGain, state }: NormParameters) {
  return [inputGain, hiddenGain, ...(state ? [state.gain, state.bias] : [])];
}

export function planNorm(
  heap: HeapPlan,
  name: string,
  { inputRows, normed }: CellKind,
  hidden: number,
  input: Signal,
  sizes: NetworkSizes,
): NormBuffers {
  const units = panelsOf(hidden) * PANEL;
  const columns = inputRows.of * units;
  const places = maxPlaces(sizes);
  const rows = mostRows(sizes, input);
  const { state } = normed!;
  return {
    input: heap.panels(`${name} input products`, rows, columns),
    inputStatistics: heap.tensor(`${name} input statistics`, [2, rows]),
    hidden: heap.panels(`${name} hidden products`, places, columns),
    statistics: heap.tensor(`${name} statistics`, [state ? 4 : 2, places]),
    packed: {
      inputGain: heap.tensor(`packed ${name} input gain`, [columns]),
      hiddenGain: heap.tensor(`packed ${name} hidden gain`, [columns]),
      ...(state && {
        state: {
          gain: heap.tensor(`packed ${name} cell gain`, [units]),
          bias: heap.tensor(`packed ${name} cell bias`, [units]),
        },
      }),
    },
    ...(sizes.training && {
      gradients: {
        input: heap.panels(`${name} d input products`, places, columns),
        hidden: heap.panels(`${name} d hidden products`, places, columns),
        ...(state && { state: heap.panels(`${name} d cell`, places, hidden) }),
      },
    }),
  };
}

/** Layer normalization of a recurrent layer on one thread. */
export interface BoundNorm {
  /** Where the products with x_t are to be left, by row of the input. */
  products: Tensor;
  /** Normalises them, by row of the input. */
  forward: RowKernel;
  /** From the gradients of sums, by place, to those of the products with x_t. */
  backward?: RowKernel;
  /** Gradients by place: of the products with x_t, and with h_{t−1}. */
  gradients?: { input: Tensor; hidden: Tensor };
  /** For the cell's kernels. */
  operands: CellNormOperands;
  weightGradients: WorkGroup[];
  packs: Pack[];
}

/**
 * @param of.sums where normalised products with x_t go, and what is added to them
 * @param of.gates gradients of the sums, by place
 * @param of.cell states, by place
 */
export function bindNorm(
  binding: Binding,
  parameters: RecurrentParameters,
  buffers: NormBuffers,
  inputPer: Signal['per'],
  of: { sums: Tensor; bias: Tensor; gates: Tensor; cell?: Tensor },
): BoundNorm {
  const { backend, heap, slotPlan } = binding;
  const { norm, inputBias, hiddenBias, inputWeight, hiddenWeight } = parameters;
  const { inputGain, hiddenGain, state } = norm!;
  const { packed, gradients } = buffers;
  const products = heap.tensor(buffers.input);
  const hidden = heap.tensor(buffers.hidden);
  const statistics = heap.tensor(buffers.statistics);
  const hiddenSize = hiddenWeight.shape[1]!;
  const ofInput = {
    ...{ input: products, statistics: heap.tensor(buffers.inputStatistics) },
    ...{
      gain: heap.tensor(packed.inputGain),
      height: inputWeight.shape[0]!,
      rows: inputWeight.rows,
    },
  };
  const ofHidden = {
    ...{ input: hidden, statistics, gain: heap.tensor(packed.hiddenGain) },
    ...{ height: hiddenWeight.shape[0]!, rows: hiddenWeight.rows },
  };
  const ofState = packed.state && {
    gain: heap.tensor(packed.state.gain),
    bias: heap.tensor(packed.state.bias),
  };
  const operands: CellNormOperands = {
    ...{ raw: hidden, gain: ofHidden.gain, statistics, hiddenSize, epsilon: EPSILON },
    ...(ofState && { state: ofState }),
  };
  const bound: BoundNorm = {
    products,
    forward: backend.bind(gateNormForward, {
      ...{ ...ofInput, out: of.sums, bias: of.bias, epsilon: EPSILON },
    }),
    operands,
    weightGradients: [],
    packs: [
      packBias(binding, [inputGain.name], ofInput.gain),
      packBias(binding, [hiddenGain.name], ofHidden.gain),
      ...(state && ofState
        ? [
            packBias(binding, [state.gain.name], ofState.gain),
            packBias(binding, [state.bias.name], ofState.bias),
          ]
        : []),
    ],
  };
  if (!binding.training || !gradients) return bound;

  const own = { input: heap.tensor(gradients.input), hidden: heap.tensor(gradients.hidden) };
  const dState = gradients.state && heap.tensor(gradients.state);
  const { orderOutput, segments } = sumOrder(binding, 'token');
  const byDistinct = inputPer === 'distinct' && { rowOf: heap.indices(slotPlan.distinctOf) };
  const isShared = hiddenBias.gradientKind.kind === 'same';
  const gradientGroup = (gain: typeof inputGain, run: WorkGroup['run']): WorkGroup =>
    weightGradientGroup(binding, gain.units, () => 2 * countRows(binding, 'token'), run);
  const ofGain = (
    gain: typeof inputGain,
    from: typeof ofInput,
    biasName: string | undefined,
    copies: number,
  ): WorkGroup => {
    const { gradient, squares } = bindParameter(binding, gain.name);
    return gradientGroup(
      gain,
      backend.bind(gateNormGradient, {
        ...{ ...from, dOutput: of.gates, order: orderOutput!, segments },
        ...(from === ofInput && byDistinct),
        ...{ dGain: gradient!, squares: squares! },
        ...(biasName !== undefined && {
          bias: { out: bindParameter(binding, biasName).gradient!, copies },
        }),
      }),
    );
  };
  const ofStateGain = (): WorkGroup[] => {
    if (!state || !dState || !of.cell) return [];
    const { gradient, squares } = bindParameter(binding, state.gain.name);
    return [
      gradientGroup(
        state.gain,
        backend.bind(layerNormGradient, {
          ...{ input: of.cell, width: hiddenSize, dOutput: dState, order: orderOutput!, segments },
          statistics: statistics.lo(2, 0),
          ...{ dGain: gradient!, squares: squares! },
          dBias: bindParameter(binding, state.bias.name).gradient!,
        }),
      ),
    ];
  };
  return {
    ...bound,
    operands: { ...operands, dRaw: own.hidden, ...(dState && { dState }) },
    gradients: own,
    backward: backend.bind(gateNormBackward, {
      ...{ ...ofInput, ...byDistinct, dOutput: of.gates, dInput: own.input },
    }),
    weightGradients: [
      ofGain(inputGain, ofInput, inputBias.name, isShared ? 2 : 1),
      ofGain(hiddenGain, ofHidden, isShared ? undefined : hiddenBias.name, 1),
      ...ofStateGain(),
    ],
  };
}
