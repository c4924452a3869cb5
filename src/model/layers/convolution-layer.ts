import { copyColumns } from '../../backend/kernels/columns.js';
import {
  carryInputs,
  joinTaps,
  partTaps,
  windows,
  windowSum,
} from '../../backend/kernels/convolution.js';
import { pack } from '../../backend/kernels/pack.js';
import { product } from '../../backend/kernels/product.js';
import { PANEL, panelsOf, type BufferSpec, type Tensor } from '../../tensor/heap.js';
import { bindActivation, type Activation } from '../activation.js';
import {
  bindParameter,
  bindWeightGradient,
  countRows,
  meet,
  weightGradientGroup,
  type Binding,
  type RowKernel,
} from '../binding.js';
import type { BoundLayer, BoundSignal, Pack, SequencePasses } from '../layer.js';
import { packBias, type PackedWeight } from '../packed-weight.js';
import type { Parameter } from '../parameters.js';
import { maxPlaces } from '../sizes.js';
import type { WorkGroup } from '../work/shares.js';
import type { Share } from '../work/teams.js';

/** The convolution of one width, planned. */
export interface Branch {
  taps: number;
  /** Its first one within the windows. */
  firstTap: number;
  /** Where its outputs begin among those of all. */
  column: number;
  weight: Parameter;
  bias: Parameter;
  packed: PackedWeight;
  packedBias: BufferSpec;
  /** [channels, taps · inputs in whole panels]: the weight in the order of the windows, and its gradient */
  tapped: BufferSpec;
  tappedGradient?: BufferSpec;
  /** [channel panels, places, 16]: its outputs, later their gradients, where they do not begin with a panel of the whole */
  apart?: BufferSpec;
}

export interface PlannedConvolution {
  branches: readonly Branch[];
  channels: number;
  inputs: number;
  activation: Activation;
  /** [taps · input panels, places, 16] */
  windows: BufferSpec;
  dWindows?: BufferSpec;
  values: BufferSpec;
  /** Of the widest: taps before the token itself, and in all. */
  before: number;
  taps: number;
  /** By slot: the inputs that rows carry, where they do. */
  states?: readonly BufferSpec[];
}

/** Places that go through all kernels while their windows, or the gradients of these, are in the caches. */
const CHUNK_PLACES = 96;

/**
 * A convolution on one thread: windows of its input, and a product with them for each width. A window is made of tokens that other
 * members of a team have computed; so is the gradient of a token, of windows.
 */
export function bindConvolution(
  binding: Binding,
  planned: PlannedConvolution,
  input: BoundSignal,
  gradient: Tensor | undefined,
): BoundLayer {
  const { backend, heap, sizes, slotPlan, view, clock } = binding;
  const { branches, activation, before, taps } = planned;
  const seen = heap.tensor(planned.windows);
  const out = heap.tensor(planned.values);
  const near = {
    ...{ before, taps, places: maxPlaces(sizes) },
    previous: heap.indices(slotPlan.previous),
    following: heap.indices(slotPlan.following),
    numbers: heap.indices(slotPlan.numbers),
  };
  const carried = bindCarried(binding, planned.states, input.value);
  const look = backend.bind(windows, {
    ...{ input: input.value, windows: seen, near },
    ...(carried && { carried: carried.before }),
  });
  const bent = bindActivation(binding, activation, out, gradient);
  const bound = branches.map((branch) =>
    bindBranch(binding, planned, branch, { seen, out, gradient }),
  );
  const forward = (place0: number, place1: number): void => {
    look(place0, place1);
    for (const branch of bound) branch.forward(place0, place1);
    bent.forward?.(place0, place1);
  };
  const passes: SequencePasses = {
    by: 'sequence',
    *forward(part): Share {
      yield* meet(binding, part);
      inChunks(view.places(part), forward);
      carried?.carry(...view.rowsOf(part));
      clock.lap('convolution');
    },
  };
  const layer: BoundLayer = {
    output: { value: out },
    passes,
    packs: bound.flatMap(({ packs }) => packs),
  };
  if (!binding.training) return layer;

  const dWindows = heap.tensor(planned.dWindows!).hi(seen.shape[0]!, seen.shape[1]!, PANEL);
  // The widest one first: it leaves nothing of what was there.
  const backward = bound
    .toSorted((one, other) => other.branch.taps - one.branch.taps)
    .map(({ bindBackward }, number) => bindBackward(dWindows, number === 0 ? 'zero' : 'result'));
  const sum = backend.bind(windowSum, {
    ...{ dWindows, near, dInput: input.gradient!, adds: input.start === 'result' },
  });
  return {
    ...layer,
    passes: {
      ...passes,
      *backward(part: number): Share {
        const places = view.places(part);
        inChunks(places, (place0, place1) => {
          bent.backward?.(place0, place1);
          for (const branch of backward) branch(place0, place1);
        });
        clock.lap('convolution');
        yield* meet(binding, part);
        sum(...places);
        clock.lap('convolution');
        // The windows' gradients are another convolution's next.
        yield* meet(binding, part);
      },
    },
    weightGradients: bound.flatMap(({ weightGradient }) => weightGradient ?? []),
  };
}

function inChunks([begin, end]: readonly [number, number], run: RowKernel): void {
  for (let place = begin; place < end; place += CHUNK_PLACES) {
    run(place, Math.min(end, place + CHUNK_PLACES));
  }
}

/** Inputs that rows carry from batch to batch. */
function bindCarried(
  { backend, heap, slot, slotPlan }: Binding,
  states: readonly BufferSpec[] | undefined,
  input: Tensor,
): { before: Tensor; carry: RowKernel } | undefined {
  if (!states) return undefined;
  const [before, after] = [heap.tensor(states[slot]!), heap.tensor(states[slot ^ 1]!)];
  const carry = backend.bind(carryInputs, {
    ...{ input, before, after },
    rowStart: heap.indices(slotPlan.rowStart),
    tokenPlaces: heap.indices(slotPlan.tokenPlaces),
  });
  return { before, carry };
}

interface BoundBranch {
  branch: Branch;
  forward: RowKernel;
  /** Of its outputs to that of the windows. */
  bindBackward: (dWindows: Tensor, start: 'zero' | 'result') => RowKernel;
  weightGradient?: WorkGroup;
  packs: Pack[];
}

function bindBranch(
  binding: Binding,
  { channels, inputs }: PlannedConvolution,
  branch: Branch,
  { seen, out, gradient }: { seen: Tensor; out: Tensor; gradient: Tensor | undefined },
): BoundBranch {
  const { backend, heap } = binding;
  const { taps, packed, column } = branch;
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
      weightGradient: bindGradient(binding, inputs, branch, dOutput!, ownWindows(seen)),
    }),
    packs: [
      packTaps(binding, inputs, branch),
      packBias(binding, [branch.bias.name], heap.tensor(branch.packedBias)),
    ],
  };
}

function panelsFrom(matrix: Tensor, first: number, panels: number): Tensor {
  return matrix.lo(first, 0, 0).hi(panels, matrix.shape[1]!, PANEL);
}

function bindGradient(
  binding: Binding,
  inputs: number,
  { weight, bias, taps, tappedGradient }: Branch,
  dOutput: Tensor,
  input: Tensor,
): WorkGroup {
  const tapped = binding.heap.tensor(tappedGradient!);
  const sum = bindWeightGradient(binding, {
    ...{ weight: weight.name, biases: [bias.name], out: tapped },
    ...{ dOutput, input, per: 'token' },
  });
  const { gradient } = bindParameter(binding, weight.name);
  const join = binding.backend.bind(joinTaps, { weight: gradient!, tapped, inputs, taps });
  return weightGradientGroup(
    binding,
    weight.units,
    () => countRows(binding, 'token') * inputs * taps,
    (from, to) => {
      sum(from, to);
      join(from, to);
    },
  );
}

function packTaps(binding: Binding, inputs: number, branch: Branch): Pack {
  const { backend, heap } = binding;
  const { weight, taps, packed } = branch;
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
