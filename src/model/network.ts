import type { Backend } from '../backend/backend.js';
import { UPDATE_SETTINGS } from '../backend/kernels/update.js';
import { PANEL, type Heap } from '../tensor/heap.js';
import { Clock, SlotView, type Binding } from './binding.js';
import { EmbeddingLayer } from './embedding.js';
import { Head, bindHeadPacks, type HeadMode } from './head.js';
import { LstmLayer, bindLayerPacks } from './lstm-layer.js';
import { SLOT, type NetworkPlan } from './plan.js';
import { BatchSums } from './batch-sums.js';
import { claimsOf, MOST_PIECES, SharedWork, type ClaimedPhase, type WorkGroup } from './shares.js';
import type { Share } from './teams.js';

/**
 * The phases of a step, in order. Each is divided among the parts (workers) and ends with all of them: what a
 * phase reads from other parts, an earlier phase has written.
 *
 *   project               embed the distinct tokens and form the first layer's input product
 *   train | evaluate | predict
 *                         forward and loss, for `train` also backward, on the rows of the part's team
 *   gradients             weight gradients: every part some stretches of the weights, over all rows
 *   embedding-gradients   gradient of the embedding rows
 *   update                clip, optimizer, packing: every part some stretches of the weights
 *
 * `pack` alone follows new weights (initial ones, or a checkpoint's).
 */
export type Phase = 'project' | HeadMode | 'gradients' | 'embedding-gradients' | 'update' | 'pack';

/** Pieces of a share of a product over rows: each reads all weights anew. */
const FEW_PIECES = 4;

/** Whether the members of a team meet within a phase. */
export function isTeamPhase(phase: Phase): boolean {
  return phase === 'train' || phase === 'evaluate' || phase === 'predict';
}

/** One network on one thread: the same planned heap, bound to one slot's batch. */
export class Network {
  readonly #view: SlotView;
  readonly #binding: Binding;
  readonly #embedding: EmbeddingLayer;
  readonly #layers: LstmLayer[] = [];
  readonly #head: Head;
  readonly #packs: SharedWork;
  readonly #training?: {
    gradients: SharedWork;
    embeddingGradients: SharedWork;
    updates: SharedWork;
  };
  readonly #sums: BatchSums;
  readonly #gradientSeconds: Float64Array;

  /**
   * @param thread this thread's place: which scratch is its own
   * @param slot which batch layout to read
   * @param mostPieces that a share of a phase is cut into
   */
  constructor(
    backend: Backend,
    heap: Heap,
    plan: NetworkPlan,
    thread: number,
    slot: number,
    mostPieces = MOST_PIECES,
  ) {
    const slotPlan = plan.slots[slot]!;
    const binding: Binding = {
      backend,
      heap,
      plan,
      slot,
      slotPlan,
      scratch: heap.tensor(plan.scratch[thread]!),
      settings: heap.doubles(plan.settings),
      clock: new Clock(heap.doubles(plan.clocks)),
    };
    this.#binding = binding;
    this.#view = new SlotView(heap, plan, slot);
    this.#sums = new BatchSums(heap, plan, slot);
    this.#gradientSeconds = heap.flatDoubles(plan.gradientSeconds);
    // Evaluation reads the same weights and buffers, without dropout and without anything that changes them.
    const training = plan.sizes.training && slot < SLOT.evaluation;
    this.#embedding = new EmbeddingLayer(binding, this.#view);
    const { layers, task } = plan.sizes.shape;
    layers.forEach((_, layer) => {
      const isTop = layer === layers.length - 1;
      const needs = isTop && task === 'classify' ? 'last' : 'every';
      this.#layers.push(
        new LstmLayer(binding, this.#view, layer, this.#layers[layer - 1], needs, training),
      );
    });
    this.#head = new Head(binding, this.#view, this.#layers.at(-1)!, training);
    const share = (phase: ClaimedPhase, groups: WorkGroup[], most = MOST_PIECES): SharedWork =>
      new SharedWork(
        groups,
        claimsOf(heap, plan.claims, phase),
        this.#view.bounds,
        Math.min(most, mostPieces),
      );
    this.#packs = share('pack', [
      ...layers.flatMap((_, layer) => bindLayerPacks(binding, layer)),
      ...bindHeadPacks(binding),
    ]);
    if (!training) return;
    this.#training = {
      gradients: share('gradients', [
        this.#head.weightGradient(),
        ...this.#layers.flatMap((layer) => layer.weightGradients()),
        this.#embedding.inputWeightGradient(),
      ]),
      embeddingGradients: share('embedding-gradients', [this.#embedding.gradient()], FEW_PIECES),
      updates: share('update', [
        ...this.#layers.flatMap((layer) => layer.updates()),
        ...this.#head.updates(),
        this.#embedding.update(),
      ]),
    };
  }

  /**
   * Runs one part's share of a phase, and yields where the members of a team meet: none goes on before all have come.
   * Repeatable: a share that was cut off may be run again from its start, in a team all shares together.
   */
  *run(phase: Phase, part: number): Share {
    const { clock } = this.#binding;
    clock.start(part);
    switch (phase) {
      case 'project':
        this.#embedding.forward(part);
        break;
      case 'train':
      case 'evaluate':
      case 'predict':
        for (const layer of this.#layers) yield* layer.forward(part);
        this.#head.forward(part, phase);
        if (phase !== 'train') break;
        this.#head.backward(part);
        for (let l = this.#layers.length - 1; l >= 0; l--) yield* this.#layers[l]!.backward(part);
        break;
      case 'gradients':
        this.#runGradients(part);
        break;
      case 'embedding-gradients':
        this.#training!.embeddingGradients.run(part);
        break;
      case 'update':
        if (this.#scaleGradient()) this.#training!.updates.run(part);
        clock.lap('update');
        break;
      case 'pack':
        this.#packs.run(part);
        break;
    }
  }

  #runGradients(part: number): void {
    const start = performance.now();
    const done = this.#training!.gradients.run(part);
    const seconds = (performance.now() - start) / 1000;
    this.#gradientSeconds[part * PANEL] = done > 0 ? seconds / done : 0;
  }

  /**
   * Writes the factor that clips the gradient; every part forms and writes the same one.
   *
   * @returns false when loss or gradient are not finite: the weights are to stay as they are
   */
  #scaleGradient(): boolean {
    const { settings } = this.#binding;
    const norm = this.#sums.gradientNorm();
    const clipNorm = settings.get(UPDATE_SETTINGS.indexOf('clipNorm'));
    settings.set(UPDATE_SETTINGS.indexOf('scale'), Math.min(1, clipNorm / norm));
    return Number.isFinite(this.#sums.result().lossSum) && Number.isFinite(norm);
  }
}
