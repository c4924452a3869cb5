import { MOST_SETTINGS, updateScratch } from '../backend/kernels/update.js';
import type { Optimizer } from '../optimizers/optimizer.js';
import { createOptimizer } from '../optimizers/registry.js';
import { PANEL, panelsOf, type BufferSpec, type HeapPlan } from '../tensor/heap.js';
import { planSlot, type Reverses, type SlotPlan } from './batch/slot-plan.js';
import { RESULTS } from './batch/step-results.js';
import { computingShape } from './graph/computing-shape.js';
import { describeNetwork } from './graph/describe.js';
import type { Carried, PlannedNetworkLayer } from './layer.js';
import type { PlannedLoss } from './loss.js';
import { lossKind } from './losses/registry.js';
import {
  asMatrix,
  countSquares,
  type Parameter,
  type ParameterPlan,
} from './weights/parameters.js';
import { MOST_PHASES } from './phases.js';
import { planGradients, type NetworkGradients } from './signal-gradients.js';
import { SharedBuffers } from './shared-buffers.js';
import type { Signal } from './signal.js';
import { maxDistinct, sizesOf, SLOTS, threadPlaces, type NetworkSizes } from './sizes.js';
import { gradientScratch } from './weights/weight-gradients.js';
import { CLAIMED_PHASES, MOST_PIECES } from './work/shares.js';

export interface NetworkPlan {
  sizes: NetworkSizes;
  optimizer: Optimizer;
  /** What the loss reads: its rows have a target each. */
  top: Signal;
  /** Int32 words of a target. */
  targetWords: number;
  reverses: Reverses;
  parameters: ParameterPlan[];
  /** Each behind those that it stands on. */
  layers: PlannedNetworkLayer[];
  /** By layer: the places of those that it stands on. */
  inputs: readonly (readonly number[])[];
  /** Of what flows between the layers; absent where none are formed. */
  gradients?: NetworkGradients;
  loss: PlannedLoss;
  /** All that rows carry, from the bottom; nothing where they do not go on from batch to batch. */
  carried: CarriedState[];
  slots: SlotPlan[];
  /** By slot: where each part's share of the work begins, from 0 to 1. [parts + 1] */
  bounds: BufferSpec[];
  /** By slot: what the sum of the batch's losses is divided by. [1] */
  divisors: BufferSpec[];
  /** [parts, 16]: seconds that each part would have taken for the whole of a phase of the latest step, from which its speed follows (see network.ts). */
  wholeSeconds: BufferSpec;
  /** By slot: what the sums of its step came to (see batch/step-results.ts). */
  results: BufferSpec[];
  /** [slots · phases, parts · pieces]: which part does which piece of the work; zeros before a stage (see work/shares.ts). */
  claims: BufferSpec;
  /** By slot: those of its step. */
  settings: BufferSpec[];
  /** By slot: those of the kernel that forms averages, where there are any. */
  averageSettings?: BufferSpec[];
  /** The same of the one that adds gradients up, where updates follow from several batches. */
  accumulationSettings?: BufferSpec[];
  /** By thread: scratch of the gradient and update kernels. */
  scratch: BufferSpec[];
  /** By slot, or for all together where an update follows from several batches: seconds spent, by part and kind of work. [parts, clocks] */
  clocks: BufferSpec[];
  /** [slots · parts, phases · 2]: when each part began and ended the phases that it went through last. */
  moments: BufferSpec;
  /** By thread: arguments of bound kernels; and which threads are taken. */
  argumentSpaces: BufferSpec[];
  threadOwners: BufferSpec;
  /** [parts, 16]: how many phases each part has finished. */
  progress: BufferSpec;
  /** [parts, 16]: how often each part has come to a meeting of its team; and how often a stage had to begin anew. */
  arrivals: BufferSpec;
  attempt: BufferSpec;
  /** [16]: whether another step follows the one under way (see compute/succession.ts). */
  succession: BufferSpec;
}

/** Kernels that a layer binds at most, and more for each parameter; doubles that the arguments of one take at most. */
const KERNELS_OF_LAYER = 24;
const KERNELS_OF_PARAMETER = 8;
const KERNEL_ARGUMENTS = 40;

/** Adds every buffer of a network to a heap plan. Pure: the same sizes give the same plan on every thread. */
export function planNetwork(heap: HeapPlan, sizes: NetworkSizes): NetworkPlan {
  const { shape, training } = sizes;
  const { layers, inputs, top, targetWords, parameters } = describeNetwork(
    training ? shape : computingShape(shape),
  );
  const optimizer = createOptimizer(sizes.optimizer);
  const { states } = optimizer.kernel;
  const planned = planParameters(heap, parameters, sizes, states);
  const shared = new SharedBuffers();
  const plannedLayers = layers.map((layer) => ({
    ...layer,
    ...layer.plan(heap, sizesOf(sizes, layer.of), shared),
  }));
  shared.allocate(heap);
  const { values } = plannedLayers.at(-1)!;
  if (!values) throw new Error('the top layer has no outputs of its own');
  const reversesOf = (of: Signal['of']): boolean =>
    layers.some(
      (layer) => layer.of === of && (layer.reverses === true || layer.looksBehind === true),
    );
  const reverses = { own: reversesOf(undefined), source: reversesOf('source') };
  const settings = (name: string): BufferSpec[] =>
    bySlot((slot) => heap.doubles(`slot ${slot} ${name} settings`, MOST_SETTINGS));
  const planClocks = (name: string): BufferSpec => heap.doubles(name, sizes.parts, PANEL);
  const together = sizes.accumulates ? planClocks('clocks') : undefined;
  const threads = threadPlaces(sizes.parts);
  const widest = Math.max(...parameters.map(({ shape }) => asMatrix(shape)[1] ?? 1));
  const ofLayers = layers.map((layer) => layer.kernels ?? KERNELS_OF_LAYER);
  const kernels =
    ofLayers.reduce((sum, count) => sum + count, KERNELS_OF_LAYER) +
    KERNELS_OF_PARAMETER * parameters.length;
  return {
    sizes,
    optimizer,
    ...{ top, targetWords },
    reverses,
    parameters: planned,
    layers: plannedLayers,
    inputs,
    ...(training && { gradients: planGradients(heap, plannedLayers, inputs, sizes) }),
    carried: shape.carries ? listCarried(plannedLayers) : [],
    loss: lossKind(shape.loss.kind).plan(shape.loss.options, heap, sizes, top, values),
    slots: bySlot((slot) =>
      planSlot(heap, `slot ${slot}`, sizes, { per: top.per, words: targetWords }, reverses),
    ),
    bounds: bySlot((slot) => heap.doubles(`slot ${slot} bounds`, sizes.parts + 1)),
    divisors: bySlot((slot) => heap.doubles(`slot ${slot} divisor`, 1)),
    results: bySlot((slot) => heap.doubles(`slot ${slot} results`, RESULTS)),
    wholeSeconds: heap.doubles('whole seconds', sizes.parts, PANEL),
    claims: heap.indices('claims', SLOTS * CLAIMED_PHASES.length, sizes.parts * MOST_PIECES),
    settings: settings('optimizer'),
    ...(training && sizes.averages && { averageSettings: settings('average') }),
    ...(training && sizes.accumulates && { accumulationSettings: settings('accumulation') }),
    scratch: Array.from({ length: threads }, (_, thread) =>
      heap.tensor(`scratch ${thread}`, [
        Math.max(
          training ? Math.max(gradientScratch(sizes), updateScratch(widest)) : PANEL,
          ...plannedLayers.map(({ scratch = 0 }) => scratch),
        ),
      ]),
    ),
    clocks: bySlot((slot) => together ?? planClocks(`slot ${slot} clocks`)),
    moments: heap.doubles('moments', SLOTS * sizes.parts, 2 * MOST_PHASES),
    argumentSpaces: Array.from({ length: threads }, (_, thread) =>
      heap.doubles(`kernel arguments ${thread}`, SLOTS * kernels * KERNEL_ARGUMENTS),
    ),
    threadOwners: heap.indices('thread owners', threads),
    progress: heap.indices('progress', sizes.parts, PANEL),
    arrivals: heap.indices('arrivals', sizes.parts, PANEL),
    attempt: heap.indices('attempt', PANEL),
    succession: heap.indices('succession', PANEL),
  };
}

function bySlot<T>(plan: (slot: number) => T): T[] {
  return Array.from({ length: SLOTS }, (_, slot) => plan(slot));
}

/** Most meetings of a team in a phase. */
export function mostMeetings({ layers, loss, sizes }: NetworkPlan): number {
  const ofLayers = layers.reduce(
    (sum, layer) => sum + layer.meetings(sizesOf(sizes, layer.of).maxSteps),
    0,
  );
  return 2 * ofLayers + (loss.meetings ?? 0);
}

/** A state that rows carry from batch to batch. */
export interface CarriedState extends Carried {
  /** Its first panel in a layer's states. */
  panel0: number;
  /** By slot. */
  states: readonly BufferSpec[];
}

function listCarried(layers: readonly PlannedNetworkLayer[]): CarriedState[] {
  return carryingLayers(layers).flatMap(({ of, carried, states = [] }) => {
    // The source's rows do not go on.
    if (of === 'source') return [];
    let panel0 = 0;
    return carried.map((state) => {
      const begin = panel0;
      panel0 += panelsOf(state.width);
      return { ...state, panel0: begin, states };
    });
  });
}

/** The layers that keep states by slot, those within others included. */
export function carryingLayers(layers: readonly PlannedNetworkLayer[]): PlannedNetworkLayer[] {
  return layers.flatMap((layer) => [
    ...(layer.states ? [layer] : []),
    ...carryingLayers(layer.inner ?? []),
  ]);
}

function planParameters(
  heap: HeapPlan,
  parameters: readonly Parameter[],
  sizes: NetworkSizes,
  states: readonly string[],
): ParameterPlan[] {
  const planned = parameters.map((parameter) => planParameter(heap, parameter, sizes, states));
  return planned.map((parameter) => {
    const { gradientKind } = parameter;
    if (gradientKind.kind !== 'same') return parameter;
    const { gradient } = planned.find(({ name }) => name === gradientKind.as)!;
    return { ...parameter, ...(gradient && { gradient }) };
  });
}

function planParameter(
  heap: HeapPlan,
  parameter: Parameter,
  sizes: NetworkSizes,
  states: readonly string[],
): ParameterPlan {
  const { name, units, gradientKind } = parameter;
  const shape = asMatrix(parameter.shape);
  const value = heap.tensor(name, shape);
  if (!sizes.training) return { ...parameter, value, states: [] };
  const { kind } = gradientKind;
  const hasSquares = kind !== 'with weights' && kind !== 'same';
  const isSummed = kind !== 'by distinct token' && kind !== 'same';
  return {
    ...parameter,
    value,
    states: states.map((state) => heap.tensor(`${name} ${state}`, shape)),
    ...(isSummed && { gradient: heap.tensor(`${name} gradient`, wholePanels(shape)) }),
    done: heap.indices(`${name} done`, units),
    ...(sizes.averages && {
      average: heap.tensor(`${name} average`, shape),
      averaged: heap.indices(`${name} averaged`, units),
    }),
    ...(sizes.accumulates && {
      accumulated: {
        mean: heap.tensor(`${name} accumulated`, shape),
        done: heap.indices(`${name} accumulated batch`, units),
        squares: heap.doubles(`${name} accumulated squares`, units),
      },
    }),
    ...(hasSquares && {
      squares: heap.doubles(
        `${name} squares`,
        countSquares(
          parameter,
          'stream' in gradientKind
            ? maxDistinct(sizesOf(sizes, gradientKind.of), gradientKind.stream)
            : 0,
        ),
      ),
    }),
  };
}

/** A gradient has whole panels of columns, so that its rows are whole cache lines. */
function wholePanels([rows, columns]: readonly number[]): number[] {
  return columns === undefined ? [rows!] : [rows!, panelsOf(columns) * PANEL];
}
