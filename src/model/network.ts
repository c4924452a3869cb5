import type { Backend } from '../backend/backend.js';
import { UPDATE_SETTINGS } from '../backend/kernels/update.js';
import { PANEL, panelsOf, type Heap } from '../tensor/heap.js';
import { bindLayers } from './bind-layers.js';
import { BatchSums } from './batch/batch-sums.js';
import { SlotView } from './batch/slot-view.js';
import {
  bindAccumulation,
  bindAverage,
  bindUpdate,
  meet,
  type Binding,
  type RowKernel,
} from './binding.js';
import { Clock } from './clock.js';
import type { BoundLayer, Pack, RowPasses, SequencePasses, SparseGradient } from './layer.js';
import type { ChainLoss, LossMode, RowLoss } from './loss.js';
import { asMatrix } from './parameters.js';
import type { Phase } from './phases.js';
import type { NetworkPlan } from './plan.js';
import { streamsOf } from './shape.js';
import type { Signal } from './signal.js';
import { SLOT } from './sizes.js';
import {
  claimsOf,
  MOST_PIECES,
  SharedWork,
  type ClaimedPhase,
  type WorkGroup,
} from './work/shares.js';
import type { Share } from './work/teams.js';

/** Pieces of a share of a product over rows: each reads all weights anew. */
const FEW_PIECES = 4;

/** Rows that the layers on top go through at a time: enough that fetching the weights takes little of the time. */
const CHUNK_ROWS = 176;

/** A layer's passes, and what a row of its output belongs to. */
interface Pass {
  layer: RowPasses | SequencePasses;
  per: Signal['per'];
}

/** One network on one thread: the same planned heap, bound to one slot's batch. */
export class Network {
  readonly #view: SlotView;
  readonly #binding: Binding;
  readonly #layers: readonly BoundLayer[];
  /** Layers below one that mixes rows, and those above all such, which go over the same rows as the loss. */
  readonly #sequences: readonly Pass[];
  readonly #top: readonly RowPasses[];
  /** Of single rows of the top signal, or of the rows of the batch. */
  readonly #loss: RowLoss | undefined;
  readonly #chain: ChainLoss | undefined;
  readonly #packs: SharedWork;
  readonly #training?: {
    gradients: SharedWork;
    distinctGradients: SharedWork;
    letterGradients: SharedWork;
    /** [parts]: whose share of the spellings has been begun on the way back */
    spelled: Int32Array;
    updates: SharedWork;
    accumulations?: SharedWork;
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
    private readonly plan: NetworkPlan,
    thread: number,
    slot: number,
    mostPieces = MOST_PIECES,
  ) {
    const slotPlan = plan.slots[slot]!;
    const { sizes } = plan;
    this.#view = new SlotView(heap, sizes, slotPlan, {
      bounds: plan.bounds[slot]!,
      divisor: plan.divisors[slot]!,
    });
    // Evaluation reads the same weights and buffers, without dropout and without anything that changes them.
    const training = sizes.training && slot < SLOT.evaluation;
    this.#binding = {
      ...{ backend, heap, sizes, slot, slotPlan, training },
      optimizer: plan.optimizer,
      parameters: plan.parameters,
      view: this.#view,
      scratch: heap.tensor(plan.scratch[thread]!),
      settings: heap.doubles(plan.settings),
      ...(plan.averageSettings && { averageSettings: heap.doubles(plan.averageSettings) }),
      ...(plan.accumulationSettings && {
        accumulationSettings: heap.doubles(plan.accumulationSettings),
      }),
      clock: new Clock(heap.doubles(plan.clocks)),
    };
    this.#sums = new BatchSums(heap, plan, slot);
    this.#gradientSeconds = heap.flatDoubles(plan.gradientSeconds);
    const { layers, top } = bindLayers(this.#binding, plan, () => ({
      // The tokens have no values: whoever stands on them reads their ids.
      value: this.#binding.scratch,
      start: 'zero',
    }));
    this.#layers = layers;
    const passes = layers.flatMap(({ passes: own }, place): Pass[] =>
      own ? [{ layer: own, per: plan.layers[place]!.output.per }] : [],
    );
    const isBelow = ({ layer, per }: Pass): boolean =>
      layer.by === 'sequence' || per !== plan.top.per;
    const above = passes.findLastIndex(isBelow) + 1;
    this.#sequences = passes.slice(0, above);
    this.#top = passes.slice(above).flatMap(({ layer }) => (layer.by === 'rows' ? [layer] : []));
    const loss = plan.loss.bind(this.#binding, top);
    this.#loss = typeof loss === 'function' ? loss : undefined;
    this.#chain = typeof loss === 'function' ? undefined : loss;

    const share = (phase: ClaimedPhase, groups: WorkGroup[], most = MOST_PIECES): SharedWork =>
      new SharedWork(
        groups,
        claimsOf(heap, plan.claims, phase),
        this.#view.bounds,
        Math.min(most, mostPieces),
      );
    const packs = this.#packsOf();
    this.#packs = share(
      'pack',
      packs.map(({ group }) => group),
    );
    if (!training) return;
    const streams = streamsOf(sizes.shape);
    this.#training = {
      gradients: share(
        'gradients',
        [
          ...layers.filter((_, place) => !this.#readsLetters(place)),
          ...(this.#chain ? [this.#chain] : []),
        ]
          .toReversed()
          .flatMap(({ weightGradients = [] }) => weightGradients),
      ),
      distinctGradients: share(
        'distinct-gradients',
        streams.flatMap(({ spells }, stream) => (spells ? [] : [this.#distinctGradients(stream)])),
        FEW_PIECES,
      ),
      spelled: claimsOf(heap, plan.claims, 'spell-back'),
      letterGradients: share('letter-gradients', [
        ...layers
          .filter((_, place) => this.#readsLetters(place))
          .flatMap(({ weightGradients = [] }) => weightGradients),
        ...streams.flatMap(({ spells }, stream) =>
          spells ? [this.#distinctGradients(stream)] : [],
        ),
      ]),
      updates: share('update', this.#updates()),
      ...(plan.accumulationSettings && {
        accumulations: share('accumulate', this.#accumulations()),
      }),
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
      case 'prepare':
        for (const layer of this.#layers) layer.prepare?.(part);
        break;
      case 'spell':
        for (const layer of this.#layers) layer.spell?.(part);
        break;
      case 'train':
      case 'evaluate':
      case 'predict':
        yield* this.#pass(phase, part);
        break;
      case 'gradients':
        this.#runGradients(part);
        break;
      case 'distinct-gradients':
        this.#training!.distinctGradients.run(part);
        break;
      case 'spell-back':
        this.#spellBack(part);
        break;
      case 'letter-gradients':
        this.#training!.letterGradients.run(part);
        break;
      case 'accumulate':
        this.#training!.accumulations!.run(part);
        clock.lap('update');
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

  /** A part claims its share, so that whoever takes it over knows that it has been begun. */
  #spellBack(part: number): void {
    const again = Atomics.exchange(this.#training!.spelled, part, 1) === 1;
    for (const layer of this.#layers) layer.spellBack?.(part, again);
  }

  *#pass(mode: LossMode, part: number): Share {
    // Layers of rows below one that mixes them go over a part's rows as a whole.
    const places = this.#view.places(part);
    const rows = this.#view.rowsOf(part);
    for (const { layer, per } of this.#sequences) {
      if (layer.by === 'rows') layer.forward(...(per === 'row' ? rows : places));
      else yield* layer.forward(part);
    }
    const [begin, end] = this.plan.top.per === 'row' ? rows : places;
    for (let row = begin; row < end; row += CHUNK_ROWS) {
      const last = Math.min(end, row + CHUNK_ROWS);
      for (const layer of this.#top) layer.forward(row, last);
      this.#loss?.(mode, row, last);
    }
    if (this.#chain) yield* this.#runChain(this.#chain, mode, part);
    if (mode !== 'train') return;
    for (let l = this.#top.length - 1; l >= 0; l--) this.#top[l]!.backward!(begin, end);
    for (let l = this.#sequences.length - 1; l >= 0; l--) {
      const { layer, per } = this.#sequences[l]!;
      if (layer.by === 'rows') layer.backward!(...(per === 'row' ? rows : places));
      else yield* layer.backward!(part);
    }
  }

  /** Other members of the team have written places of a part's rows, and read what becomes of them. */
  *#runChain(chain: ChainLoss, mode: LossMode, part: number): Share {
    yield* meet(this.#binding, part);
    const [row0, row1] = this.#view.rowsOf(part);
    chain.run(mode, row0, row1);
    if (mode === 'train') yield* meet(this.#binding, part);
  }

  #packsOf(): Pack[] {
    return [...this.#layers, ...(this.#chain ? [this.#chain] : [])].flatMap(({ packs }) => packs);
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
    const norm = this.#sums.updateNorm();
    const clipNorm = settings.get(UPDATE_SETTINGS.indexOf('clipNorm'));
    settings.set(UPDATE_SETTINGS.indexOf('scale'), Math.min(1, clipNorm / norm));
    return Number.isFinite(this.#sums.result().lossSum) && Number.isFinite(norm);
  }

  /** Whether a layer stands on distinct letters. */
  #readsLetters(place: number): boolean {
    const { layers, inputs } = this.plan;
    return layers[inputs[place]![0]!]?.output.spells !== undefined;
  }

  /** Of the words of a batch, stream 0, or of the values of a feature, or of letters. */
  #distinctGradients(stream: number): WorkGroup {
    const view = this.#view;
    const { layers, inputs } = this.plan;
    const form = this.#layers
      .flatMap(({ distinctGradient }, place) => {
        const below = layers[inputs[place]![0]!];
        return distinctGradient && (below?.output.stream ?? 0) === stream ? distinctGradient : [];
      })
      .toReversed();
    const finish = this.#layers.flatMap(({ finishDistinct }, place) =>
      finishDistinct && (layers[place]!.output.stream ?? 0) === stream ? finishDistinct : [],
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
  #updates(): WorkGroup[] {
    const packed = new Set<string>();
    // Also of rows without a gradient: they still have momentum.
    const updatesOf = (name: string): RowKernel[] => [
      bindUpdate(this.#binding, name, this.#sparseOf(name)),
      ...bindAverage(this.#binding, name),
    ];
    const groups = this.#packsOf().map(({ parameters, group }): WorkGroup => {
      parameters.forEach((name) => packed.add(name));
      const updates = parameters.flatMap(updatesOf);
      return { ...group, run: inTurn([...updates, group.run]) };
    });
    const alone = this.plan.parameters
      .filter(({ name }) => !packed.has(name))
      .map(({ name, units, shape }): WorkGroup => ({
        units,
        cost: asMatrix(shape)[1] ?? 1,
        run: inTurn(updatesOf(name)),
      }));
    return [...groups, ...alone];
  }

  #accumulations(): WorkGroup[] {
    return this.plan.parameters.map(({ name, units, shape }) => ({
      units,
      cost: asMatrix(shape)[1] ?? 1,
      run: bindAccumulation(this.#binding, name, this.#sparseOf(name)),
    }));
  }

  #sparseOf(name: string): SparseGradient | undefined {
    return this.#layers
      .flatMap((layer) => layer.sparse ?? [])
      .find(({ parameter }) => parameter === name);
  }
}

function inTurn(kernels: readonly RowKernel[]): RowKernel {
  return (from, to) => {
    for (const kernel of kernels) kernel(from, to);
  };
}
