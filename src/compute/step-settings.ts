import { average as averageKernel } from '../backend/kernels/average.js';
import { UPDATE_SETTINGS, type UpdateSetting } from '../backend/kernels/update.js';
import type { NetworkPlan } from '../model/plan.js';
import type { Heap } from '../tensor/heap.js';

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

const AVERAGE_SETTINGS = [...UPDATE_SETTINGS, ...averageKernel.settings];

/** Where the settings of a slot's step lie on the heap: those of the update, and of each running average that there is. */
export class SettingsOnHeap {
  readonly #optimizer: NetworkPlan['optimizer'];
  readonly #names: readonly string[];
  readonly #update: Float64Array;
  readonly #average: Float64Array | undefined;
  readonly #accumulation: Float64Array | undefined;

  constructor(heap: Heap, plan: NetworkPlan, slot: number) {
    this.#optimizer = plan.optimizer;
    this.#names = [...UPDATE_SETTINGS, ...plan.optimizer.kernel.settings];
    this.#update = heap.flatDoubles(plan.settings[slot]!);
    this.#average = plan.averageSettings && heap.flatDoubles(plan.averageSettings[slot]!);
    this.#accumulation =
      plan.accumulationSettings && heap.flatDoubles(plan.accumulationSettings[slot]!);
  }

  /** @param step number of the update, from 1 */
  write(step: number, given: StepSettings): void {
    const { learningRate, clipNorm, clipValue, averageShare = 1, accumulation } = given;
    const settings: Record<UpdateSetting, number> & Record<string, number> = {
      step: accumulation?.batch ?? step,
      // Follows from the gradient's norm: whoever updates writes it.
      scale: 1,
      clipNorm: clipNorm ?? Infinity,
      clipValue: clipValue ?? Infinity,
      ...this.#optimizer.settings(step, learningRate),
    };
    this.#names.forEach((name, place) => {
      this.#update[place] = settings[name]!;
    });
    writeShare(this.#average, step, averageShare);
    if (accumulation) writeShare(this.#accumulation, accumulation.batch, accumulation.share);
  }
}

/** The settings of a running average. */
function writeShare(settings: Float64Array | undefined, step: number, share: number): void {
  const values: Record<string, number> = {
    ...{ step, scale: 1, clipNorm: Infinity, clipValue: Infinity, share },
  };
  AVERAGE_SETTINGS.forEach((name, place) => {
    if (settings) settings[place] = values[name]!;
  });
}
