import type { Backend } from '../backend/backend.js';
import { spreadRows } from '../backend/kernels/embedding.js';
import { UPDATE_SETTINGS } from '../backend/kernels/update.js';
import { PANEL, type Heap } from '../tensor/heap.js';
import { bindLayers } from './bind-layers.js';
import { BatchSums } from './batch/batch-sums.js';
import { SlotView } from './batch/slot-view.js';
import { StepResults } from './batch/step-results.js';
import { meet, type Binding, type RowKernel } from './binding.js';
import { Clock } from './clock.js';
import type { BoundLayer, RowPasses, SequencePasses } from './layer.js';
import type { ChainLoss, LossMode, RowLoss } from './loss.js';
import type { Phase } from './phases.js';
import { carryingLayers, type NetworkPlan } from './plan.js';
import type { Signal } from './signal.js';
import { SLOT, sourceSizes } from './sizes.js';
import {
  claimsOf,
  MOST_PIECES,
  SharedWork,
  type ClaimedPhase,
  type NextPhase,
  type WorkGroup,
} from './work/shares.js';
import type { Share } from './work/teams.js';
import { weightWork, type WeightPhase } from './work/weight-work.js';

/** Pieces of a share of a product over rows: each reads all weights anew. */
const FEW_PIECES = 4;
/** Rows of a piece, on the average, for which a product with all words of a vocabulary is to read its weights. */
const ROWS_OF_PIECE = 64;

/** Rows that the layers on top go through at a time: enough that fetching the weights takes little of the time. */
const CHUNK_ROWS = 176;

/** A layer's passes, and what a row of its output belongs to. */
interface Pass extends Pick<Signal, 'per' | 'of'> {
  layer: RowPasses | SequencePasses;
  /** Of the tokens that it goes over. */
  view: SlotView;
}

/** One network on one thread: the same planned heap, bound to one slot's batch. */
export class Network {
  readonly #view: SlotView;
  readonly #binding: Binding;
  readonly #layers: readonly BoundLayer[];
  /** Layers below one that mixes rows, and those above all such, which go over the same rows as the loss. */
  readonly #sequences: readonly Pass[];
  /** Those that are computed anew where the source has been read. */
  readonly #ownLayers: readonly BoundLayer[];
  readonly #ownSequences: readonly Pass[];
  /** Has rows start from what those that they go on from have ended with. */
  readonly #goOn: readonly RowKernel[];
  readonly #top: readonly RowPasses[];
  /** Of single rows of the top signal, or of the rows of the batch. */
  readonly #loss: RowLoss | undefined;
  readonly #chain: ChainLoss | undefined;
  readonly #packs: SharedWork;
  /** The layers on top and the loss, of rows that go on. */
  readonly #next: Record<NextPhase, SharedWork>;
  /** What is shared out by weights, in training. */
  readonly #work?: Record<WeightPhase, SharedWork>;
  /** [parts]: whose share of the spellings has been begun on the way back */
  readonly #spelled: Int32Array;
  readonly #sums: BatchSums;
  readonly #results: StepResults;
  readonly #wholeSeconds: Float64Array;

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
    const binding: Binding = {
      ...{ backend, heap, sizes, slot, slotPlan, training },
      optimizer: plan.optimizer,
      parameters: plan.parameters,
      view: this.#view,
      scratch: heap.tensor(plan.scratch[thread]!),
      settings: heap.doubles(plan.settings[slot]!),
      ...(plan.averageSettings && {
        averageSettings: heap.doubles(plan.averageSettings[slot]!),
      }),
      ...(plan.accumulationSettings && {
        accumulationSettings: heap.doubles(plan.accumulationSettings[slot]!),
      }),
      clock: new Clock(heap.doubles(plan.clocks[slot]!)),
    };
    this.#binding = binding;
    if (slotPlan.source) {
      const own = { sizes: sourceSizes(sizes), slotPlan: slotPlan.source };
      binding.source = { ...binding, ...own, view: this.#view.source! };
    }
    this.#sums = new BatchSums(heap, plan, slot);
    this.#results = new StepResults(heap, plan.results[slot]!);
    this.#wholeSeconds = heap.flatDoubles(plan.wholeSeconds);
    const { layers, top } = bindLayers(this.#binding, plan, () => ({
      // The tokens have no values: whoever stands on them reads their ids.
      value: this.#binding.scratch,
      start: 'zero',
    }));
    this.#layers = layers;
    const passes = layers.flatMap(({ passes: own }, place): Pass[] => {
      if (!own) return [];
      const { of, output } = plan.layers[place]!;
      const view = of === 'source' ? this.#view.source! : this.#view;
      return [{ layer: own, per: output.per, ...(of && { of }), view }];
    });
    const isBelow = ({ layer, per, of }: Pass): boolean =>
      layer.by === 'sequence' || per !== plan.top.per || of !== plan.top.of;
    const above = passes.findLastIndex(isBelow) + 1;
    this.#sequences = passes.slice(0, above);
    this.#goOn = bindGoingOn(binding, plan, layers);
    this.#ownLayers = layers.filter((_, place) => plan.layers[place]!.of !== 'source');
    // What rows begin with is made of the source.
    this.#ownSequences = this.#sequences.filter(({ per, of }) => of !== 'source' && per !== 'row');
    this.#top = passes.slice(above).flatMap(({ layer }) => (layer.by === 'rows' ? [layer] : []));
    const loss = plan.loss.bind(this.#binding, top);
    this.#loss = typeof loss === 'function' ? loss : undefined;
    this.#chain = typeof loss === 'function' ? undefined : loss;

    const share = (
      phase: ClaimedPhase,
      groups: WorkGroup[],
      most = MOST_PIECES,
      leastUnits?: number,
    ): SharedWork =>
      new SharedWork(
        groups,
        claimsOf(heap, plan.claims, slot, phase),
        this.#view.bounds,
        Math.min(most, mostPieces),
        leastUnits,
      );
    const owners = [...layers, ...(this.#chain ? [this.#chain] : [])];
    this.#packs = share(
      'pack',
      owners.flatMap(({ packs }) => packs.map(({ group }) => group)),
    );
    const [view, { per }] = [this.#view, plan.top];
    const next = (phase: NextPhase): SharedWork => {
      const mode = phase === 'rank-next' ? 'rank' : 'predict';
      const run = (begin: number, end: number): void => this.#runTop(mode, begin, end);
      const work: WorkGroup = {
        get units() {
          return endOf(view, per);
        },
        ...{ cost: 1, run },
      };
      return share(phase, [work], FEW_PIECES, ROWS_OF_PIECE);
    };
    this.#next = { 'predict-next': next('predict-next'), 'rank-next': next('rank-next') };
    this.#spelled = claimsOf(heap, plan.claims, slot, 'spell-back');
    if (!training) return;
    const work = weightWork(this.#binding, plan, layers, this.#chain);
    this.#work = {
      'pair-tokens': share('pair-tokens', work['pair-tokens']),
      gradients: share('gradients', work.gradients),
      'distinct-gradients': share('distinct-gradients', work['distinct-gradients'], FEW_PIECES),
      'pair-letters': share('pair-letters', work['pair-letters']),
      'letter-gradients': share('letter-gradients', work['letter-gradients']),
      accumulate: share('accumulate', work.accumulate),
      update: share('update', work.update),
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
      case 'prepare-next':
        // Rows come from any part's; a layer with states to begin with notes meanwhile, where others may still read it, that its rows carry
        // one. So do all that are gone on from: what is written there is what was there.
        for (const goOn of this.#goOn) goOn(...this.#view.share(this.#view.rows, part));
        clock.lap('gather');
        for (const layer of this.#ownLayers) (layer.prepareNext ?? layer.prepare)?.(part);
        break;
      case 'spell':
        for (const layer of this.#layers) layer.spell?.(part);
        break;
      case 'train': {
        const start = performance.now();
        yield* this.#pass(phase, part, this.#sequences);
        if (!this.#view.isInTeam(part)) this.#noteTime(part, start, this.#view.shareOfPlaces(part));
        break;
      }
      case 'evaluate':
      case 'predict':
        yield* this.#pass(phase, part, this.#sequences);
        break;
      case 'go-on':
        yield* this.#passBelow(part, this.#ownSequences, true);
        break;
      case 'predict-next':
      case 'rank-next':
        this.#runNext(this.#next[phase], part);
        break;
      case 'gradients': {
        const start = performance.now();
        const done = this.#work!.gradients.run(part);
        if (this.#view.isInTeam(part)) this.#noteTime(part, start, done);
        break;
      }
      case 'pair-tokens':
      case 'distinct-gradients':
      case 'pair-letters':
      case 'letter-gradients':
        this.#work![phase].run(part);
        break;
      case 'spell-back':
        this.#spellBack(part);
        break;
      case 'accumulate':
        this.#work![phase].run(part);
        clock.lap('update');
        break;
      case 'update':
        if (this.#scaleGradient()) this.#work![phase].run(part);
        clock.lap('update');
        break;
      case 'pack':
        this.#packs.run(part);
        break;
    }
  }

  /** A part claims its share, so that whoever takes it over knows that it has been begun. */
  #spellBack(part: number): void {
    const again = Atomics.exchange(this.#spelled, part, 1) === 1;
    for (const layer of this.#layers) layer.spellBack?.(part, again);
  }

  *#pass(mode: LossMode, part: number, sequences: readonly Pass[]): Share {
    yield* this.#passBelow(part, sequences);
    const [begin, end] = rangeOf(this.#view, this.plan.top.per, part);
    this.#runTop(mode, begin, end);
    if (this.#chain) yield* this.#runChain(this.#chain, mode, part);
    if (mode !== 'train') return;
    for (let l = this.#top.length - 1; l >= 0; l--) this.#top[l]!.backward!(begin, end);
    for (let l = sequences.length - 1; l >= 0; l--) {
      const { layer, per, view } = sequences[l]!;
      if (layer.by === 'rows') layer.backward!(...rangeOf(view, per, part));
      else yield* layer.backward!(part);
    }
  }

  /** Layers of rows below one that mixes them go over a part's rows as a whole. */
  *#passBelow(part: number, sequences: readonly Pass[], goesOn = false): Share {
    for (const { layer, per, view } of sequences) {
      if (layer.by === 'rows') layer.forward(...rangeOf(view, per, part));
      else if (goesOn && layer.next) yield* layer.next(part);
      else yield* layer.forward(part);
    }
  }

  /** The layers on top, and the loss, of rows of the top signal. */
  #runTop(mode: LossMode | 'rank', begin: number, end: number): void {
    for (let row = begin; row < end; row += CHUNK_ROWS) {
      const last = Math.min(end, row + CHUNK_ROWS);
      for (const layer of this.#top) layer.forward(row, last);
      this.#loss?.(mode, row, last);
    }
  }

  /** Other members of the team have written places of a part's rows, and read what becomes of them. */
  *#runChain(chain: ChainLoss, mode: LossMode, part: number): Share {
    yield* meet(this.#binding, part);
    const [row0, row1] = this.#view.rowsOf(part);
    chain.run(mode, row0, row1);
    if (mode === 'train') yield* meet(this.#binding, part);
  }

  #runNext(next: SharedWork, part: number): void {
    const start = performance.now();
    this.#noteTime(part, start, next.run(part));
  }

  /**
   * Notes how long a part would have taken for the whole of a phase: of the passes, whose rows are dealt by it, or where these would have
   * it wait for others in its team, of the weight gradients; of what stands on top of rows that go on.
   *
   * @param done how much of the whole it has done, from 0 to 1
   */
  #noteTime(part: number, start: number, done: number): void {
    const seconds = (performance.now() - start) / 1000;
    this.#wholeSeconds[part * PANEL] = done > 0 ? seconds / done : 0;
  }

  /**
   * Writes the factor that clips the gradient, and what the step came to; every part forms and writes the same.
   *
   * @returns false when loss or gradient are not finite: the weights are to stay as they are
   */
  #scaleGradient(): boolean {
    const { settings } = this.#binding;
    const gradNorm = this.#sums.updateNorm();
    const clipNorm = settings.get(UPDATE_SETTINGS.indexOf('clipNorm'));
    settings.set(UPDATE_SETTINGS.indexOf('scale'), Math.min(1, clipNorm / gradNorm));
    this.#results.write(this.#sums.result(), gradNorm);
    return this.#results.applied;
  }
}

/** Of every layer that carries something, but for those that see to it themselves: each row is given what its parent in the batch before has left. */
function bindGoingOn(
  { backend, heap, slot, slotPlan }: Binding,
  plan: NetworkPlan,
  layers: readonly BoundLayer[],
): RowKernel[] {
  if (!slotPlan.source || !plan.sizes.shape.carries) return [];
  const others = plan.layers.filter((_, place) => !layers[place]!.prepareNext);
  return carryingLayers(others).flatMap(({ of, states }) =>
    of === 'source'
      ? []
      : [
          backend.bind(spreadRows, {
            ...{ from: heap.tensor(states![slot ^ 1]!), out: heap.tensor(states![slot]!) },
            index: heap.indices(slotPlan.parents),
          }),
        ],
  );
}

/** Behind the rows or places of all parts. */
function endOf(view: SlotView, per: Signal['per']): number {
  return rangeOf(view, per, view.bounds.length - 2)[1];
}

/** A part's rows or places. */
function rangeOf(view: SlotView, per: Signal['per'], part: number): [begin: number, end: number] {
  return per === 'row' ? view.rowsOf(part) : view.places(part);
}
