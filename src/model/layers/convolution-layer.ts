import { carryInputs, windows, windowSum } from '../../backend/kernels/convolution.js';
import { PANEL, type BufferSpec, type Tensor } from '../../tensor/heap.js';
import { bindActivation, type Activation } from '../activation.js';
import { countRows, meet, sumOrder, type Binding, type RowKernel } from '../binding.js';
import type { BoundLayer, BoundSignal, SequencePasses } from '../layer.js';
import { maxPlaces } from '../sizes.js';
import type { Share } from '../work/teams.js';
import { bindBranch, inChunks, type Branch } from './convolution-branch.js';

export interface PlannedConvolution {
  branches: readonly Branch[];
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
  const sums = { order: sumOrder(binding, 'token'), count: () => countRows(binding, 'token') };
  const bound = branches.map((branch) =>
    bindBranch(binding, branch, sums, { seen, out, gradient }),
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
