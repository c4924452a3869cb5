import { copyColumns } from '../../backend/kernels/columns.js';
import { joinTaps, partTaps } from '../../backend/kernels/convolution.js';
import { pack } from '../../backend/kernels/pack.js';
import { product } from '../../backend/kernels/product.js';
import { PANEL, panelsOf, type BufferSpec, type HeapPlan, type Tensor } from '../../tensor/heap.js';
import {
  bindParameter,
  bindWeightGradient,
  weightGradientGroup,
  type Binding,
  type RowKernel,
  type SumOrder,
} from '../binding.js';
import type { Pack } from '../layer.js';
import { packBias, planPacked, type PackedWeight } from '../packed-weight.js';
import { bias, matrix, uniform, ZERO, type Parameter } from '../parameters.js';
import type { WorkGroup } from '../work/shares.js';

/** Places that go through all kernels while their windows, or the gradients of these, are in the caches. */
const CHUNK_PLACES = 96;

export function inChunks([begin, end]: readonly [number, number], run: RowKernel): void {
  for (let place = begin; place < end; place += CHUNK_PLACES) {
    run(place, Math.min(end, place + CHUNK_PLACES));
  }
}

/** The convolution of one width. */
export interface DescribedBranch {
  inputs: number;
  channels: number;
  taps: number;
  /** Its first one within the windows. */
  firstTap: number;
  /** Where its outputs begin among those of all. */
  column: number;
  weight: Parameter;
  bias: Parameter;
}

/** @param name of its parameters' module */
export function describeBranch(
  name: string,
  sizes: Omit<DescribedBranch, 'weight' | 'bias'>,
): DescribedBranch {
  const { inputs, channels, taps } = sizes;
  return {
    ...sizes,
    weight: {
      ...matrix(`${name}.weight`, [channels, inputs * taps], uniform(inputs * taps)),
      shape: [channels, inputs, taps],
    },
    bias: bias(`${name}.bias`, channels, ZERO),
  };
}

/** The same, planned. */
export interface Branch extends DescribedBranch {
  packed: PackedWeight;
  packedBias: BufferSpec;
  /** [channels, taps · inputs in whole panels]: the weight in the order of the windows, and its gradient */
  tapped: BufferSpec;
  tappedGradient?: BufferSpec;
  /** [channel panels, places, 16]: its outputs, later their gradients, where they do not begin with a panel of the whole */
  apart?: BufferSpec;
}

export function planBranch(
  heap: HeapPlan,
  described: DescribedBranch,
  training: boolean,
  apart?: BufferSpec,
): Branch {
  const { inputs, channels, taps, weight, bias: b } = described;
  const columns = taps * panelsOf(inputs) * PANEL;
  const ordered = (what: string): BufferSpec =>
    heap.tensor(`${weight.name} ${what}`, [channels, columns]);
  return {
    ...described,
    packed: planPacked(heap, weight.name, panelsOf(channels) * PANEL, columns),
    packedBias: heap.tensor(`packed ${b.name}`, [panelsOf(channels) * PANEL]),
    tapped: ordered('by tap'),
    ...(training && { tappedGradient: ordered('gradient by tap') }),
    ...(apart && { apart }),
  };
}

export interface BoundBranch {
  branch: Branch;
  forward: RowKernel;
  /** Of its outputs to that of the windows. */
  bindBackward: (dWindows: Tensor, start: 'zero' | 'result') => RowKernel;
  weightGradient?: WorkGroup;
  packs: Pack[];
}

/** @param sums over which rows the gradients of its weights are summed, and how many there are in a batch */
export function bindBranch(
  binding: Binding,
  branch: Branch,
  sums: { order: SumOrder; count: () => number },
  { seen, out, gradient }: { seen: Tensor; out: Tensor; gradient: Tensor | undefined },
): BoundBranch {
  const { backend, heap } = binding;
  const { inputs, channels, taps, packed, column } = branch;
  const inputPanels = panelsOf(inputs);
  const ownWindows = (all: Tensor): Tensor =>
    panelsFrom(all, branch.firstTap * inputPanels, taps * inputPanels);
  const ownOutputs = (all: Tensor): Tensor => panelsFrom(all, column / PANEL, panelsOf(channels));
  const apart = branch.apart && heap.tensor(branch.apart);
  const project = backend.bind(product, {
    a: ownWindows(seen),
    b: heap.tensor(packed.forward),
    c: apart ?? ownOutputs(out),
    start: { bias: heap.tensor(branch.packedBias) },
  });
  const join =
    apart &&
    backend.bind(copyColumns, {
      from: { matrix: apart, column: 0 },
      to: { matrix: out, column },
      ...{ columns: channels, adds: false },
    });
  const part =
    apart &&
    gradient &&
    backend.bind(copyColumns, {
      from: { matrix: gradient, column },
      to: { matrix: apart, column: 0 },
      ...{ columns: channels, adds: false },
    });
  const dOutput = apart ?? (gradient && ownOutputs(gradient));
  return {
    branch,
    forward(place0, place1) {
      project(place0, place1);
      join?.(place0, place1);
    },
    bindBackward: (dWindows, start) => {
      const back = backend.bind(product, {
        ...{ a: dOutput!, c: ownWindows(dWindows), start },
        b: heap.tensor(packed.backward),
      });
      return (place0, place1) => {
        part?.(place0, place1);
        back(place0, place1);
      };
    },
    ...(binding.training && {
      weightGradient: bindGradient(binding, branch, sums, dOutput!, ownWindows(seen)),
    }),
    packs: [
      packTaps(binding, branch),
      packBias(binding, [branch.bias.name], heap.tensor(branch.packedBias)),
    ],
  };
}

function panelsFrom(matrix: Tensor, first: number, panels: number): Tensor {
  return matrix.lo(first, 0, 0).hi(panels, matrix.shape[1]!, PANEL);
}

function bindGradient(
  binding: Binding,
  { inputs, weight, bias: b, taps, tappedGradient }: Branch,
  { order, count }: { order: SumOrder; count: () => number },
  dOutput: Tensor,
  input: Tensor,
): WorkGroup {
  const tapped = binding.heap.tensor(tappedGradient!);
  const sum = bindWeightGradient(binding, {
    ...{ weight: weight.name, biases: [b.name], out: tapped },
    ...{ dOutput, input, per: order },
  });
  const { gradient } = bindParameter(binding, weight.name);
  const join = binding.backend.bind(joinTaps, { weight: gradient!, tapped, inputs, taps });
  return weightGradientGroup(
    binding,
    weight.units,
    () => count() * inputs * taps,
    (from, to) => {
      sum(from, to);
      join(from, to);
    },
  );
}

function packTaps(binding: Binding, branch: Branch): Pack {
  const { backend, heap } = binding;
  const { inputs, weight, taps, packed } = branch;
  const { value, rows, units } = bindParameter(binding, weight.name);
  const tapped = heap.tensor(branch.tapped);
  const part = backend.bind(partTaps, { weight: value, tapped, inputs, taps });
  const packTapped = backend.bind(pack, {
    ...{ weight: tapped, rows },
    ...{ forward: heap.tensor(packed.forward), backward: heap.tensor(packed.backward) },
  });
  return {
    parameters: [weight.name],
    group: {
      units,
      cost: 2 * value.shape[1]!,
      run(from, to) {
        part(from, to);
        packTapped(from, to);
      },
    },
  };
}
