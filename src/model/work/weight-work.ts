import { PANEL, panelsOf } from '../../tensor/heap.js';
import {
  bindAccumulation,
  bindAverage,
  bindUpdate,
  type Binding,
  type RowKernel,
} from '../binding.js';
import type { BoundLayer, SparseGradient } from '../layer.js';
import type { ChainLoss } from '../loss.js';
import { asMatrix } from '../weights/parameters.js';
import type { NetworkPlan } from '../plan.js';
import { streamsOf } from '../graph/shape.js';
import type { Signal } from '../signal.js';
import type { WeightGradientGroup } from '../weights/weight-gradients.js';
import type { ClaimedPhase, NextPhase, WorkGroup } from './shares.js';

/** The phases behind the passes that go over weights, or over what there is once for each distinct token. */
export type WeightPhase = Exclude<ClaimedPhase, 'pack' | 'spell-back' | NextPhase>;

/** What there is to do in these phases of training, by phase: of a network that is bound to a slot's batch. */
export function weightWork(
  binding: Binding,
  plan: NetworkPlan,
  layers: readonly BoundLayer[],
  chain: ChainLoss | undefined,
): Record<WeightPhase, WorkGroup[]> {
  const { shape } = plan.sizes;
  const streams = streamsOf(shape);
  const below = (place: number) => plan.layers[plan.inputs[place]![0]!]?.output;
  /** Of the layers that stand on distinct letters, or of the others. */
  const gradientsOf = (letters: boolean): WeightGradientGroup[][] =>
    layers.flatMap(({ weightGradients = [] }, place) =>
      (below(place)?.spells !== undefined) === letters ? [weightGradients] : [],
    );
  const distinctOf = (letters: boolean): WorkGroup[] =>
    streams.flatMap(({ spells }, stream) =>
      (spells !== undefined) === letters ? [distinctGradients(binding, plan, layers, stream)] : [],
    );
  const ofLetters = gradientsOf(true).flat();
  return {
    'pair-tokens': pairsOf(gradientsOf(false).flat()),
    gradients: [...gradientsOf(false), chain?.weightGradients ?? []].toReversed().flat(),
    'distinct-gradients': [
      ...distinctOf(false),
      ...(binding.source && !shape.source!.isShared
        ? [distinctGradients(binding.source, plan, layers, 0, 'source')]
        : []),
    ],
    'pair-letters': pairsOf(ofLetters),
    'letter-gradients': [...ofLetters, ...distinctOf(true)],
    accumulate: plan.accumulationSettings ? accumulations(binding, plan, layers) : [],
    update: updates(binding, plan, layers, chain),
  };
}

const pairsOf = (groups: readonly WeightGradientGroup[]): WorkGroup[] =>
  groups.flatMap(({ pairs = [] }) => pairs);

/**
 * Of the words of a batch, stream 0, with those of its source where they are numbered together, or of the values of a feature, or of letters.
 *
 * @param binding of the tokens that they are of
 */
function distinctGradients(
  { view }: Binding,
  plan: NetworkPlan,
  layers: readonly BoundLayer[],
  stream: number,
  of?: Signal['of'],
): WorkGroup {
  const isShared = plan.sizes.shape.source?.isShared === true;
  const isOf = (place: number): boolean => {
    const { output } = plan.layers[place] ?? {};
    return (output?.stream ?? 0) === stream && (output?.of === of || isShared);
  };
  const form = layers
    .flatMap(({ distinctGradient }, place) =>
      distinctGradient && isOf(plan.inputs[place]![0]!) ? distinctGradient : [],
    )
    .toReversed();
  const finish = layers.flatMap(({ finishDistinct }, place) =>
    finishDistinct && isOf(place) ? finishDistinct : [],
  );
  return {
    get units() {
      return panelsOf(view.distinct(stream));
    },
    cost: 1,
    run(from, to) {
      const last = Math.min(to * PANEL, view.distinct(stream));
      for (const each of form) each(from * PANEL, last);
      for (const each of finish) each(from, to);
    },
  };
}

/** The optimizer on every parameter, each unit packed again while it is in the cache. */
function updates(
  binding: Binding,
  plan: NetworkPlan,
  layers: readonly BoundLayer[],
  chain: ChainLoss | undefined,
): WorkGroup[] {
  const packed = new Set<string>();
  // Also of rows without a gradient: they still have momentum.
  const updatesOf = (name: string): RowKernel[] => [
    bindUpdate(binding, name, sparseOf(layers, name)),
    ...bindAverage(binding, name),
  ];
  const packs = [...layers, ...(chain ? [chain] : [])].flatMap((owner) => owner.packs);
  const groups = packs.map(({ parameters, group }): WorkGroup => {
    parameters.forEach((name) => packed.add(name));
    const own = parameters.flatMap(updatesOf);
    return { ...group, run: inTurn([...own, group.run]) };
  });
  const alone = plan.parameters
    .filter(({ name }) => !packed.has(name))
    .map(({ name, units, shape }): WorkGroup => ({
      units,
      cost: asMatrix(shape)[1] ?? 1,
      run: inTurn(updatesOf(name)),
    }));
  return [...groups, ...alone];
}

/** Where an update follows from several batches: into the mean of their gradients. */
function accumulations(
  binding: Binding,
  plan: NetworkPlan,
  layers: readonly BoundLayer[],
): WorkGroup[] {
  return plan.parameters.map(({ name, units, shape }) => ({
    units,
    cost: asMatrix(shape)[1] ?? 1,
    run: bindAccumulation(binding, name, sparseOf(layers, name)),
  }));
}

function sparseOf(layers: readonly BoundLayer[], name: string): SparseGradient | undefined {
  return layers.flatMap((layer) => layer.sparse ?? []).find(({ parameter }) => parameter === name);
}

function inTurn(kernels: readonly RowKernel[]): RowKernel {
  return (from, to) => {
    for (const kernel of kernels) kernel(from, to);
  };
}
