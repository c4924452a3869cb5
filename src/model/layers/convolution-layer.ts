import { copyColumns } from '../../backend/kernels/columns.js';
import {
  byTap,
  convolve,
  joinTaps,
  partTaps,
  type ConvolveOperands,
} from '../../backend/kernels/convolution.js';
import { convolveBfloat16 } from '../../backend/kernels/convolution-bfloat16.js';
import { carryInputs, neighbours, type Windows } from '../../backend/kernels/windows.js';
import { PANEL, panelsOf, type BufferSpec, type Tensor } from '../../tensor/heap.js';
import { bindActivation, type Activation } from '../activation.js';
import { bindParameter, countRows, meet, type Binding, type RowKernel } from '../binding.js';
import type { BoundLayer, BoundSignal, Pack, SequencePasses } from '../layer.js';
import { bindPack, packBias, type PackedWeight } from '../weights/packed-weight.js';
import type { Parameter } from '../weights/parameters.js';
import { maxPlaces } from '../sizes.js';
import {
  bindWeightGradient,
  weightGradientGroup,
  type WeightGradientGroup,
} from '../weights/weight-gradients.js';
import type { Share } from '../work/teams.js';

/** The convolution of one width, planned. */
export interface Branch {
  /** Taps in all, and before the token itself. */
  taps: number;
  before: number;
  /** Where its outputs begin among those of all. */
  column: number;
  weight: Parameter;
  bias: Parameter;
  packed: PackedWeight;
  packedBias: BufferSpec;
  /** [channels, taps · inputs in whole panels]: the weight tap by tap, and its gradient */
  tapped: BufferSpec;
  tappedGradient?: BufferSpec;
  gradientInput?: BufferSpec;
  /** [channel panels, places, 16]: its outputs, later their gradients, where they do not begin with a panel of the whole */
  apart?: BufferSpec;
}

export interface PlannedConvolution {
  branches: readonly Branch[];
  channels: number;
  inputs: number;
  activation: Activation;
  /** [2 · most + 1, places]: what stands around each place, `most` tokens before it to as many behind (see `Windows`) */
  sources: BufferSpec;
  reach: BufferSpec;
  values: BufferSpec;
  /** By slot: the inputs that rows carry, where they do. */
  states?: readonly BufferSpec[];
}

/** Places that are worked on while their outputs, or the gradients of their inputs, are in the caches. */
const CHUNK_PLACES = 252;

/**
 * A convolution on one thread: for each width a product with what its taps see, backwards with what they are seen by. Those are
 * tokens that other members of a team have computed.
 */
export function bindConvolution(
  binding: Binding,
  planned: PlannedConvolution,
  input: BoundSignal,
  gradient: Tensor | undefined,
): BoundLayer {
  const { backend, heap, sizes, slotPlan, view, clock } = binding;
  const { branches, activation } = planned;
  const out = heap.tensor(planned.values);
  const carried = bindCarried(binding, planned.states, input.value);
  const around: Windows = {
    sources: heap.indices(planned.sources),
    reach: heap.indices(planned.reach),
    places: maxPlaces(sizes),
    ...(carried && { carried: carried.before }),
  };
  const look = backend.bind(neighbours, {
    previous: heap.indices(slotPlan.previous),
    following: heap.indices(slotPlan.following),
    numbers: heap.indices(slotPlan.numbers),
    ...{ places: around.places, carriedRows: carried?.before.shape[1] ?? 0 },
    ...{ sources: around.sources, reach: around.reach },
  });
  const bound = branches.map((branch) =>
    bindBranch(binding, planned, branch, { around, input: input.value, out, gradient }),
  );
  const passes: SequencePasses = {
    by: 'sequence',
    *forward(part): Share {
      yield* meet(binding, part);
      const places = view.places(part);
      look(...places);
      // One after the other: the weights of each stay in the second-level cache.
      for (const branch of bound) inChunks(places, branch.forward);
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

  const bent = bindActivation(binding, activation, out, gradient);
  const backward = bound.map(({ bindBackward }, number) =>
    bindBackward(input.gradient!, number === 0 ? input.start : 'result'),
  );
  return {
    ...layer,
    passes: {
      ...passes,
      *backward(part: number): Share {
        const places = view.places(part);
        bent.backward?.(...places);
        for (const { part: partColumns } of bound) partColumns?.(...places);
        clock.lap('convolution');
        yield* meet(binding, part);
        inChunks(places, (place0, place1) => {
          for (const branch of backward) branch(place0, place1);
        });
        clock.lap('convolution');
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
  forward: RowKernel;
  /** Takes the gradient of its outputs to where its products read it, if that is not where it lies. */
  part?: RowKernel;
  /** From the gradient of its outputs to that of the inputs. */
  bindBackward: (dInput: Tensor, start: 'zero' | 'result') => RowKernel;
  weightGradient?: WeightGradientGroup;
  packs: Pack[];
}

function bindBranch(
  binding: Binding,
  { channels, inputs, activation }: PlannedConvolution,
  branch: Branch,
  signals: { around: Windows; input: Tensor; out: Tensor; gradient: Tensor | undefined },
): BoundBranch {
  const { backend, heap } = binding;
  const { packed, column } = branch;
  const { around, input, out, gradient } = signals;
  const ownOutputs = (all: Tensor): Tensor => panelsFrom(all, column / PANEL, panelsOf(channels));
  const apart = branch.apart && heap.tensor(branch.apart);
  const own = apart ?? ownOutputs(out);
  const windows = windowsOf(around, branch);
  const project = bindTaps(binding, packed.forward, 'inputs', {
    ...{ input, windows, out: own, start: { bias: heap.tensor(branch.packedBias) } },
  });
  const bend = bindActivation(binding, activation, own).forward;
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
    forward(place0, place1) {
      project(place0, place1);
      bend?.(place0, place1);
      join?.(place0, place1);
    },
    ...(part && { part }),
    bindBackward: (dInput, start) =>
      bindTaps(binding, packed.backward, 'outputs', {
        ...{ input: dOutput!, windows: seenFrom(around, branch), out: dInput, start },
      }),
    ...(binding.training && {
      weightGradient: bindGradient(binding, inputs, branch, { dOutput: dOutput!, input, windows }),
    }),
    packs: [
      packTaps(binding, inputs, branch),
      packBias(binding, [branch.bias.name], heap.tensor(branch.packedBias)),
    ],
  };
}

/** @param together what of a tap lies together in the packed weight */
function bindTaps(
  { backend, heap, scratch }: Binding,
  packed: BufferSpec,
  together: 'inputs' | 'outputs',
  operands: Omit<ConvolveOperands, 'weight'>,
): RowKernel {
  const taps = operands.windows.sources.shape[0]!;
  if (packed.type !== 'int32') {
    const weight = byTap(heap.tensor(packed), taps, together);
    return backend.bind(convolve, { ...operands, weight });
  }
  const words = heap.indices(packed);
  const weight = together === 'inputs' ? words : byTap(words, taps, together);
  return backend.bind(convolveBfloat16, { ...operands, weight, scratch });
}

/** What a branch's taps see, out of what stands around each place. */
function windowsOf(around: Windows, { taps, before }: Pick<Branch, 'taps' | 'before'>): Windows {
  const [lists, places] = around.sources.shape;
  const first = (lists! - 1) / 2 - before;
  return {
    ...around,
    sources: around.sources.lo(first, 0).hi(taps, places!),
    reach: around.reach.lo(first, 0).hi(taps, places!),
  };
}

/** From where each tap sees a place. */
function seenFrom(around: Windows, { taps, before }: Branch): Windows {
  const seen = windowsOf(around, { taps, before: taps - 1 - before });
  return { ...seen, sources: seen.sources.step(-1, 1), reach: seen.reach.step(-1, 1) };
}

function panelsFrom(matrix: Tensor, first: number, panels: number): Tensor {
  return matrix.lo(first, 0, 0).hi(panels, matrix.shape[1]!, PANEL);
}

function bindGradient(
  binding: Binding,
  inputs: number,
  { weight, bias, taps, tappedGradient, gradientInput }: Branch,
  operands: { dOutput: Tensor; input: Tensor; windows: Windows },
): WeightGradientGroup {
  const tapped = binding.heap.tensor(tappedGradient!);
  const { run: sum, ...pairs } = bindWeightGradient(binding, {
    ...{ weight: weight.name, biases: [bias.name], out: tapped },
    ...{ ...operands, per: 'token', paired: gradientInput },
  });
  const { gradient } = bindParameter(binding, weight.name);
  const join = binding.backend.bind(joinTaps, { weight: gradient!, tapped, inputs, taps });
  return weightGradientGroup(
    binding,
    weight.units,
    () => countRows(binding, 'token') * inputs * taps,
    {
      ...pairs,
      run(from, to) {
        sum(from, to);
        join(from, to);
      },
    },
  );
}

function packTaps(binding: Binding, inputs: number, branch: Branch): Pack {
  const { backend, heap } = binding;
  const { weight, taps, packed } = branch;
  const { value, rows, units } = bindParameter(binding, weight.name);
  const tapped = heap.tensor(branch.tapped);
  const part = backend.bind(partTaps, { weight: value, tapped, inputs, taps });
  const packTapped = bindPack(binding, tapped, rows, packed);
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
