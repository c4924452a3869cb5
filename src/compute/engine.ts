import { average as averageKernel } from '../backend/kernels/average.js';
import { UPDATE_SETTINGS, type UpdateSetting } from '../backend/kernels/update.js';
import {
  allocateBlock,
  heapTraits,
  type BackendKind,
  type SharedBlock,
} from '../backend/select.js';
import { BatchLayouter, HEADER, type BatchLayout } from '../model/batch/batch-layout.js';
import type { RawBatch } from '../model/batch/raw-batch.js';
import type { SlotPlan } from '../model/batch/slot-plan.js';
import { BatchSums, type BatchResult } from '../model/batch/batch-sums.js';
import { CLOCKS } from '../model/clock.js';
import type { Initial } from '../model/parameters.js';
import { planNetwork, type NetworkPlan } from '../model/plan.js';
import { maxPlaces, threadPlaces, type NetworkSizes } from '../model/sizes.js';
import { firstPart } from '../model/work/teams.js';
import type { ComparedBatch } from '../tasks/task.js';
import { Heap, HeapPlan, PANEL, type BufferSpec, type FloatArray } from '../tensor/heap.js';
import { fillUniform, PURPOSE, streamOf } from '../tensor/random.js';
import { Balance } from './balance.js';
import type { Stage } from './messages.js';

/** What a thread needs to take part: the block of memory and the numbers that its plan follows from. */
export interface EngineHandle {
  backend: BackendKind;
  sizes: NetworkSizes;
  block: SharedBlock;
}

/** Runs every part of a stage on the batch of a slot; resolves when all are done. */
export type StageRunner = (stage: Stage, slot: number) => Promise<void>;

/** The heap and plan that belong to a handle: equal on every thread. */
export function openHeap(handle: Pick<EngineHandle, 'backend' | 'sizes' | 'block'>): {
  heap: Heap;
  plan: NetworkPlan;
} {
  const { buffers, plan } = planEngine(handle.backend, handle.sizes);
  return { heap: new Heap(handle.block.bytes, buffers.floatBytes), plan };
}

interface EnginePlan {
  buffers: HeapPlan;
  plan: NetworkPlan;
}

/** What has been planned: each thread asks several times for the same. */
const planned = new WeakMap<NetworkSizes, Map<BackendKind, EnginePlan>>();

/** All buffers of a network on a backend's heap. */
export function planEngine(backend: BackendKind, sizes: NetworkSizes): EnginePlan {
  const plans = planned.get(sizes) ?? new Map<BackendKind, EnginePlan>();
  planned.set(sizes, plans);
  const known = plans.get(backend);
  if (known) return known;
  const { floatBytes, reserved } = heapTraits(backend, threadPlaces(sizes.parts));
  const buffers = new HeapPlan(floatBytes, reserved);
  const made = { buffers, plan: planNetwork(buffers, sizes) };
  plans.set(backend, made);
  return made;
}

/**
 * Plans and allocates the memory of a network.
 *
 * @throws UserError when the machine or the backend has less
 */
export function allocateEngine(backend: BackendKind, sizes: NetworkSizes): EngineHandle {
  return { backend, sizes, block: allocateBlock(backend, plannedBytes(backend, sizes)) };
}

/** Bytes of memory that a network will take. */
export function plannedBytes(backend: BackendKind, sizes: NetworkSizes): number {
  return planEngine(backend, sizes).buffers.bytes;
}

/** What may change from step to step. */
export interface StepSettings {
  learningRate: number;
  /** Global norm that gradients are scaled down to; null leaves them. */
  clipNorm: number | null;
  /** Size that each element of the gradient has at most, once all are scaled; null, or nothing, leaves them. */
  clipValue?: number | null;
  /** How far the averages of the weights, where there are any, go towards them: from 0 to 1. */
  averageShare?: number;
  /** Of a batch that is one of several of an update. */
  accumulation?: Accumulation;
}

/** Which of an update's batches it is. */
export interface Accumulation {
  /** Number of the batch in the whole run, from 1. */
  batch: number;
  /** How far the mean gradient goes to that of the batch: what its losses are divided by, of all that those so far are; NaN spoils the update. */
  share: number;
  /** Whether it is the update's last one. */
  ends: boolean;
}

export interface StepResult extends BatchResult {
  /** Global norm of the gradient before clipping. */
  gradNorm: number;
  /** False when loss or gradient were not finite: the weights are as before. */
  applied: boolean;
}

const averageSettingNames = [...UPDATE_SETTINGS, ...averageKernel.settings];

/**
 * The order of a step, on the coordinator's side: lays batches out, has the stages run, and does the few sums
 * that belong to no worker. Everything numeric lies on the shared heap.
 */
export class Engine {
  readonly heap: Heap;
  readonly plan: NetworkPlan;
  readonly #slots: BatchLayout[];
  readonly #layouter: BatchLayouter;
  readonly #predicted: Int32Array;
  readonly #settings: Float64Array;
  readonly #averageSettings: Float64Array | undefined;
  readonly #accumulationSettings: Float64Array | undefined;
  readonly #settingNames: readonly string[];
  readonly #clocks: Float64Array;
  readonly #gradientSeconds: Float64Array;
  readonly #sums: BatchSums[];
  readonly #balance: Balance;
  readonly #bounds: Float64Array[];
  readonly #teamBounds: Float64Array;

  constructor(
    readonly handle: EngineHandle,
    private readonly runStage: StageRunner,
  ) {
    const { heap, plan } = openHeap(handle);
    this.heap = heap;
    this.plan = plan;
    const { sizes } = handle;
    this.#slots = plan.slots.map((slot) => viewSlot(heap, slot));
    for (const slot of this.#slots) {
      for (const { distinctIndex } of [slot, ...slot.features]) distinctIndex.fill(-1);
    }
    this.#layouter = new BatchLayouter(
      {
        shards: sizes.shards,
        teams: sizes.teams,
        parts: sizes.parts,
        maxSteps: sizes.maxSteps,
        initialRow: maxPlaces(sizes),
        keepRows: sizes.shape.carries,
        reverses: plan.reverses,
        target: plan.top.per === 'row' ? 'row' : 'token',
        vocabulary: sizes.shape.vocabulary,
        features: sizes.shape.features ?? [],
        outputs: plan.top.width,
        compares: plan.loss.compares,
        targetWords: plan.targetWords,
      },
      sizes.maxRows,
      sizes.maxTokens,
    );
    for (const { buffer, values } of plan.loss.constants ?? []) heap.flat(buffer).set(values);
    this.#predicted = heap.flatIndices(plan.loss.predicted);
    this.#settings = heap.flatDoubles(plan.settings);
    this.#averageSettings = plan.averageSettings && heap.flatDoubles(plan.averageSettings);
    this.#accumulationSettings =
      plan.accumulationSettings && heap.flatDoubles(plan.accumulationSettings);
    this.#settingNames = [...UPDATE_SETTINGS, ...plan.optimizer.kernel.settings];
    this.#clocks = heap.flatDoubles(plan.clocks);
    this.#gradientSeconds = heap.flatDoubles(plan.gradientSeconds);
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
    for (const { states } of this.plan.layers) {
      if (states) this.heap.flat(states[slot]!).fill(0);
    }
  }

  /**
   * Forward, backward, clip and update on the batch of a slot.
   *
   * @param step number of the update, from 1
   * @param meanwhile called while the workers are busy: the time for the coordinator's own work
   */
  async trainStep(
    slot: number,
    step: number,
    settings: StepSettings,
    meanwhile?: () => void,
  ): Promise<StepResult> {
    this.#writeSettings(step, settings);
    const { accumulation } = settings;
    // The evaluations since the last step have left their time there.
    if (!accumulation || accumulation.share === 1) this.#clocks.fill(0);
    const alone = accumulation ? 'accumulate' : 'train';
    const training = this.runStage(accumulation?.ends ? 'train-accumulated' : alone, slot);
    meanwhile?.();
    await training;
    this.#balance.observe(this.#gradientSeconds);
    const result = this.#sums[slot]!.result();
    const gradNorm = this.#sums[slot]!.updateNorm();
    const applied = Number.isFinite(result.lossSum) && Number.isFinite(gradNorm);
    return { ...result, gradNorm, applied };
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
   * Copies the probabilities that `predict` left for one row (classify) or token (language model), or a row's number (regress).
   *
   * @param k place of the row or token; `layout(slot).rowSource` tells which row of the batch that is
   */
  probabilities(k: number, out: Float32Array): void {
    this.#copyRow(this.plan.loss.outputs, k, out);
  }

  /** What `evaluate` has predicted in the place of the targets of the slot's batch. */
  compared(slot: number): ComparedBatch {
    const { header, targets, rowStart, tokenPlaces } = this.#slots[slot]!;
    return {
      ...{ rows: header[HEADER.rows]!, targets, rowStart, tokenPlaces },
      predicted: this.#predicted,
    };
  }

  /** Where the tokens and rows of a slot's batch lie. */
  layout(slot: number): BatchLayout {
    return this.#slots[slot]!;
  }

  /** Seconds that the parts spent on each kind of work in the last training step, summed over parts. */
  readClocks(): Record<string, number> {
    const sums: Record<string, number> = {};
    CLOCKS.forEach((name, kind) => {
      let sum = 0;
      for (let part = 0; part < this.handle.sizes.parts; part++) {
        sum += this.#clocks[part * PANEL + kind]!;
      }
      sums[name] = sum;
    });
    return sums;
  }

  #copyRow(spec: BufferSpec, row: number, out: Float32Array): void {
    const values = this.heap.flat(spec);
    const panelStride = spec.stride[0]!;
    for (let column = 0; column < out.length; column++) {
      const panel = Math.floor(column / PANEL);
      out[column] = values[panel * panelStride + row * PANEL + (column % PANEL)]!;
    }
  }

  #writeSettings(step: number, given: StepSettings): void {
    const { learningRate, clipNorm, clipValue, averageShare = 1 } = given;
    const { optimizer } = this.plan;
    const settings: Record<UpdateSetting, number> & Record<string, number> = {
      step: given.accumulation?.batch ?? step,
      // Follows from the gradient's norm: whoever updates writes it.
      scale: 1,
      clipNorm: clipNorm ?? Infinity,
      clipValue: clipValue ?? Infinity,
      ...optimizer.settings(step, learningRate),
    };
    this.#settingNames.forEach((name, place) => {
      this.#settings[place] = settings[name]!;
    });
    writeShare(this.#averageSettings, step, averageShare);
    const { accumulation } = given;
    if (accumulation) {
      writeShare(this.#accumulationSettings, accumulation.batch, accumulation.share);
    }
  }
}

/** The settings of a running average. */
function writeShare(settings: Float64Array | undefined, step: number, share: number): void {
  const values: Record<string, number> = {
    ...{ step, scale: 1, clipNorm: Infinity, clipValue: Infinity, share },
  };
  averageSettingNames.forEach((name, place) => {
    if (settings) settings[place] = values[name]!;
  });
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

function viewSlot(heap: Heap, { features, spellings, ...slot }: SlotPlan): BatchLayout {
  return {
    ...viewIndices(heap, slot),
    features: features.map((feature) => viewIndices(heap, feature)),
    spellings: spellings.map((each) => viewSlot(heap, each)),
  };
}

function viewIndices<Name extends string>(
  heap: Heap,
  specs: Record<Name, BufferSpec>,
): Record<Name, Int32Array> {
  const views = Object.entries<BufferSpec>(specs).map(([name, spec]) => [
    name,
    heap.flatIndices(spec),
  ]);
  return Object.fromEntries(views) as Record<Name, Int32Array>;
}
