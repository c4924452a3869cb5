import { HEADER, type BatchLayout } from '../model/batch/batch-layout.js';
import { BatchLayouter } from '../model/batch/batch-layouter.js';
import type { RawBatch } from '../model/batch/raw-batch.js';
import { everyDistinct, viewSlot } from '../model/batch/slot-plan.js';
import { BatchSums } from '../model/batch/batch-sums.js';
import { type BatchResult, StepResults, type StepResult } from '../model/batch/step-results.js';
import { CLOCKS } from '../model/clock.js';
import type { Initial } from '../model/weights/parameters.js';
import { carryingLayers, type NetworkPlan } from '../model/plan.js';
import { firstPart } from '../model/work/teams.js';
import type { ComparedBatch } from '../tasks/task.js';
import { PANEL, type BufferSpec, type FloatArray, type Heap } from '../tensor/heap.js';
import { fillUniform, PURPOSE, streamOf } from '../tensor/random.js';
import { Balance } from './balance.js';
import { openHeap, type EngineHandle } from './engine-memory.js';
import { layoutOptions } from './layout-options.js';
import { phasesOf, type Stage } from './messages.js';
import { Moments } from './moments.js';
import { SettingsOnHeap, type StepSettings } from './step-settings.js';

/**
 * Runs every part of a stage on the batch of a slot; resolves when all are done.
 *
 * @param isFollowed whether the same stage in the other slot of the pair may be released meanwhile, where there is `Following`
 */
export type StageRunner = (stage: Stage, slot: number, isFollowed?: boolean) => Promise<void>;

/** Has workers go on with a stage that follows the one under way without asking the coordinator. */
export interface Following {
  /** Whether they have begun a stage that has not been asked for yet: it must be, next. */
  readonly isAhead: boolean;
  /**
   * Everything that the stage in the other slot needs lies there.
   *
   * @returns whether they will go on with it: not where they have come to the end before, or none is to follow
   */
  release(slot: number): boolean;
  /** None is to follow after all. */
  close(): void;
}

/**
 * The order of a step, on the coordinator's side: lays batches out, has the stages run, and does the few sums
 * that belong to no worker. Everything numeric lies on the shared heap.
 */
export class Engine {
  readonly heap: Heap;
  readonly plan: NetworkPlan;
  /**
   * [places, RANKS] each: the likeliest classes of each row or token that `predict` or `predictNext` has left, the likeliest first, of equals the one with the lower id; where
   * there are fewer, ids of −1 stand behind them. Absent where none are ranked.
   */
  readonly ranked: { readonly ids: Int32Array; readonly probabilities: FloatArray } | undefined;
  readonly #slots: BatchLayout[];
  readonly #layouter: BatchLayouter;
  readonly #predicted: Int32Array;
  readonly #outputs: FloatArray;
  readonly #attends: { weights: BufferSpec; heads: number; values: FloatArray } | undefined;
  readonly #settings: SettingsOnHeap[];
  readonly #clocks: Float64Array[];
  readonly #moments: Moments;
  readonly #results: StepResults[];
  readonly #wholeSeconds: Float64Array;
  readonly #sums: BatchSums[];
  readonly #balance: Balance;
  readonly #bounds: Float64Array[];
  readonly #teamBounds: Float64Array;

  constructor(
    readonly handle: EngineHandle,
    private readonly runStage: StageRunner,
    private readonly following?: Following,
  ) {
    const { heap, plan } = openHeap(handle);
    this.heap = heap;
    this.plan = plan;
    const { sizes } = handle;
    this.#slots = plan.slots.map((slot) => viewSlot(heap, slot));
    for (const slot of this.#slots) {
      for (const { distinctIndex } of everyDistinct(slot)) distinctIndex.fill(-1);
    }
    this.#layouter = new BatchLayouter(layoutOptions(plan), sizes.maxRows, sizes.maxTokens);
    for (const { buffer, values } of plan.loss.constants ?? []) heap.flat(buffer).set(values);
    this.#predicted = heap.flatIndices(plan.loss.predicted);
    this.#outputs = heap.flat(plan.loss.outputs);
    const attends = plan.layers.flatMap((layer) => layer.attention ?? []).at(-1);
    this.#attends = attends && { ...attends, values: heap.flat(attends.weights) };
    const { ranked } = plan.loss;
    this.ranked = ranked && {
      ids: heap.flatIndices(ranked.ids),
      probabilities: heap.flat(ranked.probabilities),
    };
    this.#settings = plan.slots.map((_, slot) => new SettingsOnHeap(heap, plan, slot));
    this.#clocks = plan.clocks.map((spec) => heap.flatDoubles(spec));
    this.#moments = new Moments(heap, plan);
    this.#results = plan.results.map((spec) => new StepResults(heap, spec));
    this.#wholeSeconds = heap.flatDoubles(plan.wholeSeconds);
    this.#sums = plan.slots.map((_, slot) => new BatchSums(heap, plan, slot));
    this.#balance = new Balance(sizes.parts);
    this.#teamBounds = new Float64Array(sizes.teams + 1);
    this.#bounds = plan.bounds.map((spec) => heap.flatDoubles(spec));
    for (const bounds of this.#bounds) bounds.set(this.#balance.bounds);
  }

  /** A parameter's values, in PyTorch's layout. */
  parameter(name: string): FloatArray {
    const parameter = this.plan.parameters.find((p) => p.name === name);
    if (!parameter) throw new Error(`the network has no parameter ${name}`);
    return this.heap.flat(parameter.value);
  }

  /**
   * Gives every parameter its values before training, as its layer declares them.
   */
  async initialize(seed: number): Promise<void> {
    for (const { name, value, initial } of this.plan.parameters) {
      fillInitial(this.heap.flat(value), initial, seed, streamOf(name));
      this.average(name)?.set(this.heap.flat(value));
    }
    await this.packWeights();
  }

  /** A parameter's average over the steps, where averages are kept. */
  average(name: string): FloatArray | undefined {
    const spec = this.plan.parameters.find((p) => p.name === name)?.average;
    return spec && this.heap.flat(spec);
  }

  /** Runs work on the averages in place of the weights, where averages are kept. */
  async withAverages<T>(work: () => Promise<T>): Promise<T> {
    if (!this.plan.averageSettings) return work();
    let result: T;
    this.#swapAverages();
    try {
      await this.packWeights();
      result = await work();
    } finally {
      // Where the work failed or was stopped, packs of the averages stay behind: the engine is to compute nothing more then.
      this.#swapAverages();
    }
    await this.packWeights();
    return result;
  }

  #swapAverages(): void {
    for (const { value, average } of this.plan.parameters) {
      const [weights, averages] = [this.heap.flat(value), this.heap.flat(average!)];
      for (let i = 0; i < weights.length; i++) {
        const weight = weights[i]!;
        weights[i] = averages[i]!;
        averages[i] = weight;
      }
    }
  }

  /** Must follow every change of parameters from outside. */
  async packWeights(): Promise<void> {
    await this.runStage('pack', 0);
  }

  /**
   * Lays a batch out in a slot.
   *
   * @param bounds how the work is shared out: by the speed of the parts' cores, unless told otherwise
   */
  load(slot: number, batch: RawBatch, bounds: Float64Array = this.#balance.bounds): void {
    this.#bounds[slot]!.set(bounds);
    this.#teamBounds.forEach((_, team, teamBounds) => {
      teamBounds[team] = bounds[firstPart(this.handle.sizes, team)]!;
    });
    this.#layouter.layOut(batch, this.#teamBounds, this.#slots[slot]!, bounds);
    this.#sums[slot]!.weighTargets();
  }

  /** Sets the state that a slot's batch starts from to zero. */
  clearState(slot: number): void {
    for (const { states } of carryingLayers(this.plan.layers)) {
      this.heap.flat(states![slot]!).fill(0);
    }
  }

  /**
   * Forward, backward, clip and update on the batch of a slot.
   *
   * @param step number of the update, from 1
   * @param meanwhile called while the workers are busy: the time for the coordinator's own work
   * @param isFollowed whether the next step may be released meanwhile
   */
  async trainStep(
    slot: number,
    step: number,
    settings: StepSettings,
    meanwhile?: () => void,
    isFollowed = false,
  ): Promise<StepResult> {
    const { accumulation } = settings;
    if (!this.isAhead) this.#layReady(slot, step, settings);
    const alone = accumulation ? 'accumulate' : 'train';
    const stage = accumulation?.ends ? 'train-accumulated' : alone;
    const training = this.runStage(stage, slot, isFollowed);
    meanwhile?.();
    await training;
    this.#balance.observe(this.#wholeSeconds);
    if (stage !== 'accumulate') return this.#results[slot]!.read();
    const result = this.#sums[slot]!.result();
    const gradNorm = this.#sums[slot]!.updateNorm();
    const applied = Number.isFinite(result.lossSum) && Number.isFinite(gradNorm);
    return { ...result, gradNorm, applied };
  }

  /** Whether workers have gone on with a step that has been released: it must be the next one. */
  get isAhead(): boolean {
    return this.following?.isAhead ?? false;
  }

  /**
   * Has workers go on with a step, whose batch lies in its slot, as soon as the one under way has been applied. The state that it starts from is
   * what that one leaves.
   *
   * @param step number of its update, from 1
   */
  release(slot: number, step: number, settings: StepSettings): void {
    this.#layReady(slot, step, settings);
    this.following?.release(slot);
  }

  /** Has workers come to rest behind the step under way, if they have not gone on already. */
  rest(): void {
    this.following?.close();
  }

  /** When the last part had finished the step of a slot, in milliseconds of the clock that threads have in common. */
  endOf(slot: number): number {
    return this.#moments.endOf(slot, phasesOf('train', this.handle.sizes).length);
  }

  #layReady(slot: number, step: number, settings: StepSettings): void {
    this.#settings[slot]!.write(step, settings);
    const { accumulation } = settings;
    // There is the time of the slot's step before, and where all slots have the same clocks that of evaluations since.
    if (!accumulation || accumulation.share === 1) this.#clocks[slot]!.fill(0);
  }

  /** What the sum of the losses of a slot's batch is divided by. */
  divisorOf(slot: number): number {
    return this.heap.flatDoubles(this.plan.divisors[slot]!)[0]!;
  }

  /** Loss on the batch of a slot; see `compared` for what it predicts. */
  async evaluate(slot: number, meanwhile?: () => void): Promise<BatchResult> {
    const evaluating = this.runStage('evaluate', slot);
    meanwhile?.();
    await evaluating;
    return this.#sums[slot]!.result();
  }

  /** Probabilities for the batch of a slot; read them with `probabilities`. */
  async predict(slot: number): Promise<void> {
    await this.runStage('predict', slot);
  }

  /**
   * The same for tokens behind those before, of rows whose source has been read.
   *
   * @param ranksAlone whether nobody will ask but for what is ranked
   */
  async predictNext(slot: number, ranksAlone = false): Promise<void> {
    await this.runStage(ranksAlone && this.ranked ? 'rank-next' : 'predict-next', slot);
    this.#balance.observe(this.#wholeSeconds);
  }

  /**
   * Copies the probabilities that `predict` left for one row (classify) or token (language model), or a row's number (regress).
   *
   * @param k place of the row or token; `layout(slot).rowSource` tells which row of the batch that is
   */
  probabilities(k: number, out: Float32Array): void {
    copyRow(this.#outputs, this.plan.loss.outputs, k, out);
  }

  /** Heads of the attention that is told: of several layers that attend to a source that of the last; 0 where none does. */
  get attentionHeads(): number {
    return this.#attends?.heads ?? 0;
  }

  /**
   * Copies how much a token attended to each token of its source in the batch that was computed last.
   *
   * @param place of the token
   * @param out as long as its source
   */
  attention(place: number, head: number, out: Float32Array): Float32Array {
    const attention = this.#attends;
    if (!attention) throw new Error('the network attends to no source');
    const { weights, heads, values } = attention;
    copyRow(values, weights, place, out, (head * weights.shape[0]!) / heads);
    return out;
  }

  /** What `evaluate` has predicted in the place of the targets of the slot's batch. */
  compared(slot: number): ComparedBatch {
    const { header, targets, rowStart, tokenPlaces } = this.#slots[slot]!;
    return {
      ...{ rows: header[HEADER.rows]!, targets, rowStart, tokenPlaces },
      predicted: this.#predicted,
    };
  }

  /** [rows, or places of tokens]: −ln p of each target of the batch that was evaluated last. */
  get crossEntropies(): FloatArray {
    return this.heap.flat(this.plan.loss.crossEntropies);
  }

  /** Where the tokens and rows of a slot's batch lie. */
  layout(slot: number): BatchLayout {
    return this.#slots[slot]!;
  }

  /** Seconds that the parts spent on each kind of work in the training step whose last batch lies in a slot, summed over parts. */
  readClocks(slot: number): Record<string, number> {
    const clocks = this.#clocks[slot]!;
    const sums: Record<string, number> = {};
    CLOCKS.forEach((name, kind) => {
      let sum = 0;
      for (let part = 0; part < this.handle.sizes.parts; part++) {
        sum += clocks[part * PANEL + kind]!;
      }
      sums[name] = sum;
    });
    return sums;
  }
}

/** Copies a row of a panel matrix, from some panel on. */
function copyRow(
  values: FloatArray,
  { stride }: BufferSpec,
  row: number,
  out: Float32Array,
  panel0 = 0,
): void {
  const panelStride = stride[0]!;
  let start = panel0 * panelStride + row * PANEL;
  for (let column = 0; column < out.length; column += PANEL) {
    const end = Math.min(PANEL, out.length - column);
    for (let i = 0; i < end; i++) out[column + i] = values[start + i]!;
    start += panelStride;
  }
}

function fillInitial(values: FloatArray, initial: Initial, seed: number, stream: number): void {
  if (initial.kind === 'uniform') {
    fillUniform(values, initial.bound, seed, PURPOSE.weights, stream);
    return;
  }
  const length = values.length / initial.values.length;
  initial.values.forEach((value, block) =>
    values.fill(value, block * length, (block + 1) * length),
  );
}
