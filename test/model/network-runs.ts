import { checkOptimizer } from '../../src/optimizers/check.js';
import type { BackendKind } from '../../src/backend/block.js';
import { Engine, type StageRunner } from '../../src/compute/engine.js';
import { allocateEngine } from '../../src/compute/allocate-engine.js';
import type { EngineHandle } from '../../src/compute/engine-memory.js';
import { createLocalRunner } from '../../src/compute/runner.js';
import type { RawBatch } from '../../src/model/batch/raw-batch.js';
import { asMatrix } from '../../src/model/weights/parameters.js';
import { SLOT, type NetworkSizes } from '../../src/model/sizes.js';
import { averageShare } from '../../src/optimizers/averaging.js';
import { largestOf } from '../parity/fixture.js';
import { diceOf, type Averaging, type Case, type Division } from './random-networks.js';

/** So large an ε that an update follows small gradients smoothly: rounding must not turn a whole step. */
const optimizer = checkOptimizer('adam', { epsilon: 0.01 });
export const SETTINGS = { learningRate: 0.05, clipNorm: 0.5 };
export const ALONE: Division = { parts: 1, teams: 1, bounds: Float64Array.of(0, 1) };

/** What training leaves: everything that has to be equal, by name. */
export type Outcome = Map<string, Float64Array>;

export interface Running {
  engine: Engine;
  division: Division;
  batches: readonly RawBatch[];
  averaging?: Averaging;
}

/**
 * An engine for a case, its work divided as told, with drawn weights.
 *
 * @param training whether it can train
 */
export async function start(
  { shape, batches, averaging, seed, precision }: Case,
  backend: BackendKind,
  division: Division,
  createRunner: (handle: EngineHandle) => StageRunner = createLocalRunner,
  training = true,
): Promise<Running> {
  const { parts, teams } = division;
  const sizes: NetworkSizes = {
    ...{ shape, optimizer, parts, teams, seed, shards: 4, training },
    averages: averaging !== undefined,
    ...(precision && { precision }),
    maxRows: Math.max(...batches.map(({ rows }) => rows)),
    ...largestOf(batches),
    ...(shape.source && { source: largestOf(batches.map(({ source }) => source!)) }),
  };
  const handle = allocateEngine(backend, sizes);
  const engine = new Engine(handle, createRunner(handle));
  await drawParameters(engine, seed);
  for (const slot of [SLOT.training, SLOT.evaluation]) engine.clearState(slot);
  return { engine, division, batches, ...(averaging && { averaging }) };
}

/** As large as parameters are before training, biases too, and the same on every backend. */
async function drawParameters(engine: Engine, seed: number): Promise<void> {
  const dice = diceOf(seed);
  for (const { name, shape } of engine.plan.parameters) {
    const bound = 1 / Math.sqrt(asMatrix(shape)[1] ?? 1);
    const values = engine.parameter(name);
    for (let i = 0; i < values.length; i++) {
      values[i] = Math.fround(bound * (dice(2 ** 20) / 2 ** 19 - 1));
    }
    engine.average(name)?.set(values);
  }
  await engine.packWeights();
}

/** Steps [from, to) of training, counted from 0. */
export async function trainSteps(
  { engine, division, batches, averaging }: Running,
  from = 0,
  to = batches.length,
): Promise<Outcome> {
  const outcome: Outcome = new Map();
  for (let step = from; step < to; step++) {
    const slot = step % 2;
    engine.load(slot, batches[step]!, division.bounds);
    const settings = averaging
      ? { ...SETTINGS, averageShare: averageShare(averaging.config, step + 1, averaging.from) }
      : SETTINGS;
    const { lossSum, gradNorm } = await engine.trainStep(slot, step + 1, settings);
    outcome.set(`loss ${step}`, Float64Array.of(lossSum));
    outcome.set(`gradient norm ${step}`, Float64Array.of(gradNorm));
  }
  const { plan, heap } = engine;
  for (const { name, value, states, average } of plan.parameters) {
    outcome.set(name, Float64Array.from(heap.flat(value)));
    if (average) outcome.set(`${name}, average`, Float64Array.from(heap.flat(average)));
    states.forEach((state, i) =>
      outcome.set(`${name}, optimizer ${i}`, Float64Array.from(heap.flat(state))),
    );
  }
  for (const [name, values] of carriedInto(engine, to % 2)) outcome.set(name, values);
  return outcome;
}

/** Losses of the first batch without dropout, and its predictions: of the averages, where there are any. */
export function evaluate(running: Running): Promise<Outcome> {
  return running.engine.withAverages(() => evaluateWeights(running));
}

async function evaluateWeights({ engine, division, batches }: Running): Promise<Outcome> {
  const outcome: Outcome = new Map();
  const slot = SLOT.evaluation;
  engine.load(slot, batches[0]!, division.bounds);
  const { lossSum, divisor, crossEntropySum, correct } = await engine.evaluate(slot);
  const sums = Float64Array.of(lossSum, divisor, crossEntropySum, correct);
  outcome.set('loss of an evaluation', sums);
  await engine.predict(slot);
  const { plan } = engine;
  const { rowSource, tokenPlaces, rowStart } = engine.layout(slot);
  const { rows } = batches[0]!;
  for (let row = 0; row < rows; row++) {
    const places =
      plan.top.per === 'row' ? [row] : tokenPlaces.subarray(rowStart[row], rowStart[row + 1]);
    places.forEach((place, t) => {
      const probabilities = new Float32Array(plan.top.width);
      engine.probabilities(place, probabilities);
      outcome.set(`prediction ${rowSource[row]} ${t}`, Float64Array.from(probabilities));
    });
  }
  return outcome;
}

function* carriedInto(
  { plan, heap }: Engine,
  slot: number,
): Generator<[name: string, values: Float64Array]> {
  for (const { name, states, panel0, width } of plan.carried) {
    const state = heap.tensor(states[slot]!);
    const rows = state.shape[1]!;
    yield [
      `carried ${name}`,
      Float64Array.from({ length: rows * width }, (_, i) => {
        const column = i % width;
        return state.get(panel0 + (column >> 4), Math.floor(i / width), column & 15);
      }),
    ];
  }
}

/** The first name under which two outcomes have not the same bits; nothing where they are equal. */
export function differingBits(one: Outcome, other: Outcome): string | undefined {
  for (const [name, values] of one) {
    const others = other.get(name);
    if (!others || values.some((value, i) => !Object.is(value, others[i]))) return name;
  }
  return one.size === other.size ? undefined : 'not as many';
}

/** The name under which an outcome is farthest from what is expected, in units of the largest value there or 1. */
export function farthest(actual: Outcome, expected: Outcome): { name: string; distance: number } {
  let worst = { name: 'nothing', distance: 0 };
  for (const [name, values] of expected) {
    const others = actual.get(name)!;
    const size = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
    values.forEach((value, i) => {
      const distance = Math.abs(others[i]! - value) / size;
      if (!(distance <= worst.distance)) worst = { name, distance };
    });
  }
  return worst;
}
