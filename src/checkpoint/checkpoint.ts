import * as nodeFs from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../errors.js';
import { RAW } from '../optimizers/kept.js';
import type { FloatArray } from '../tensor/heap.js';
import { hiddenName } from './checkpoint-names.js';
import {
  removeUnlessRefused,
  syncDirectory,
  writeText,
  type RunFileSystem,
} from '../system/disk.js';
import type { Engine } from '../compute/engine.js';
import {
  formatState,
  MODEL_FILE,
  OPTIMIZER_FILE,
  STATE_FILE,
  type Progress,
  type RunState,
} from './run-state.js';
import { readSafetensors, writeSafetensors, type Tensor } from './safetensors.js';

/**
 * Checkpoints: a directory with the model's weights, the optimizer's state and `state.json`, written under a
 * temporary name, flushed and renamed, so that a directory with a checkpoint's name always is a whole one.
 */

/**
 * A copy of everything that a checkpoint holds, taken between two steps. Training goes on while the copy is
 * written, so that it waits only as long as the copying takes.
 */
export class Snapshot {
  readonly #model: (Tensor & { source: FloatArray })[];
  readonly #optimizer: (Tensor & { source: FloatArray })[];
  readonly #states: { tensor: Tensor; copy: (slot: number) => void }[];

  /** Allocates the copies once; `take` fills them. */
  constructor(engine: Engine) {
    const { plan, heap } = engine;
    const kept = plan.optimizer.kernel.states;
    const tensorOf = (name: string, shape: readonly number[], source: FloatArray) => ({
      name,
      shape: [...shape],
      data: new Float32Array(source.length),
      source,
    });
    this.#model = plan.parameters.map((p) =>
      tensorOf(p.name, p.shape, heap.flat(p.average ?? p.value)),
    );
    this.#optimizer = plan.parameters.flatMap((p) => [
      ...p.states.map((state, i) => tensorOf(`${p.name}.${kept[i]!}`, p.shape, heap.flat(state))),
      ...(p.average ? [tensorOf(`${p.name}.${RAW}`, p.shape, heap.flat(p.value))] : []),
    ]);
    this.#states = plan.carried.map(({ name, states, panel0, width }) => {
      const data = new Float32Array(plan.sizes.maxRows * width);
      return {
        tensor: { name: fileName(name), shape: [plan.sizes.maxRows, width], data },
        copy: (slot) => {
          const source = heap.tensor(states[slot]!);
          for (let i = 0; i < data.length; i++) {
            const column = i % width;
            data[i] = source.get(panel0 + (column >> 4), Math.floor(i / width), column & 15);
          }
        },
      };
    });
  }

  /**
   * Copies weights, what the optimizer keeps of them, and the state that the next batch, in `slot`, will start from.
   *
   * @throws UserError naming the first parameter with a value that is not finite: nobody could go on from it
   */
  take(slot: number): void {
    for (const { name, data, source } of [...this.#model, ...this.#optimizer]) {
      data.set(source);
      if (!areFinite(data)) {
        throw new UserError(
          `${name} holds values that are not finite, so that no checkpoint is written: ` +
            'lower train.optimizer.learningRate or set train.clipNorm; checkpoints written before are kept',
        );
      }
    }
    for (const state of this.#states) state.copy(slot);
  }

  get bytes(): number {
    return 4 * [...this.#model, ...this.#optimizer].reduce((sum, { data }) => sum + data.length, 0);
  }

  /**
   * Writes what was taken as checkpoint `name` below `directory`.
   *
   * @returns the checkpoint's path
   * @throws the file system's error; then there is what was there before, if need be under its hidden name
   */
  async write(
    directory: string,
    name: string,
    progress: Progress,
    fs: RunFileSystem = nodeFs,
  ): Promise<string> {
    const optimizer = [...this.#optimizer, ...this.#states.map(({ tensor }) => tensor)];
    return writeCheckpoint(directory, name, { model: this.#model, optimizer }, progress, fs);
  }
}

/** What a checkpoint's files hold besides the state of its run. */
export interface CheckpointTensors {
  model: Tensor[];
  optimizer: Tensor[];
}

/**
 * Writes a checkpoint below `directory`.
 *
 * @returns the checkpoint's path
 * @throws the file system's error; then there is what was there before, if need be under its hidden name
 */
export async function writeCheckpoint(
  directory: string,
  name: string,
  tensors: CheckpointTensors,
  progress: Progress,
  fs: RunFileSystem = nodeFs,
): Promise<string> {
  const partial = path.join(directory, hiddenName(name, 'partial'));
  try {
    await writeFiles(partial, tensors, progress, fs);
    await moveIntoPlace(directory, name, fs);
  } catch (error) {
    // Gives its space free; what cannot be removed, the next one written clears away.
    await removeUnlessRefused(fs, partial);
    throw error;
  }
  return path.join(directory, name);
}

async function writeFiles(
  directory: string,
  tensors: CheckpointTensors,
  progress: Progress,
  fs: RunFileSystem,
): Promise<void> {
  await fs.rm(directory, { recursive: true, force: true });
  // Not those above it: where the run's directory has gone, nobody is to find a new one in its place.
  await fs.mkdir(directory);
  const model = await writeSafetensors(path.join(directory, MODEL_FILE), tensors.model, { fs });
  const optimizer = await writeSafetensors(
    path.join(directory, OPTIMIZER_FILE),
    tensors.optimizer,
    { fs },
  );
  const files = { [MODEL_FILE]: model, [OPTIMIZER_FILE]: optimizer };
  // Last: a directory with it has everything else.
  await writeText(fs, path.join(directory, STATE_FILE), formatState(progress, files));
  await syncDirectory(fs, directory);
}

/**
 * Gives a checkpoint that is written and flushed its name. One of the same step that is there already (left
 * damaged, or evaluated again) is first put aside and only then removed: should we be killed in between, a
 * resume brings it back.
 */
async function moveIntoPlace(directory: string, name: string, fs: RunFileSystem): Promise<void> {
  const target = path.join(directory, name);
  const partial = path.join(directory, hiddenName(name, 'partial'));
  const former = path.join(directory, hiddenName(name, 'former'));
  const replaces = await renameIfThere(target, former, fs);
  try {
    await fs.rename(partial, target);
  } catch (error) {
    if (replaces) await fs.rename(former, target);
    throw error;
  }
  await syncDirectory(fs, directory);
  if (replaces) await fs.rm(former, { recursive: true, force: true });
}

async function renameIfThere(from: string, to: string, fs: RunFileSystem): Promise<boolean> {
  try {
    await fs.rename(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** What the names of carried states begin with in the optimizer's file. */
export const CARRIED = 'carried.';

/** What a carried state is called in the optimizer's file. */
function fileName(state: string): string {
  return `${CARRIED}${state}`;
}

/**
 * Loads the weights of a checkpoint; `packWeights` must follow.
 *
 * @param files what its state says of its files: that those are read, and no others that came to stand in their place
 */
export async function loadModel(
  engine: Engine,
  checkpoint: string,
  fs: RunFileSystem = nodeFs,
  files?: RunState['files'],
): Promise<void> {
  const targets = new Map(engine.plan.parameters.map((p) => [p.name, engine.heap.flat(p.value)]));
  await loadTensors(path.join(checkpoint, MODEL_FILE), targets, fs, files?.[MODEL_FILE]?.sha256);
}

/** Loads, behind the model, what the optimizer keeps of the weights, the weights themselves where the model holds averages, and the state carried into the batch in `slot`. */
export async function loadOptimizer(
  engine: Engine,
  checkpoint: string,
  slot: number,
  fs: RunFileSystem = nodeFs,
  files?: RunState['files'],
): Promise<void> {
  const { plan, heap } = engine;
  const kept = plan.optimizer.kernel.states;
  const targets = new Map<string, FloatArray>();
  for (const p of plan.parameters) {
    p.states.forEach((state, i) => targets.set(`${p.name}.${kept[i]!}`, heap.flat(state)));
    if (!p.average) continue;
    // What the model's file holds, and the weights for a start, are the averages.
    heap.flat(p.average).set(heap.flat(p.value));
    targets.set(`${p.name}.${RAW}`, heap.flat(p.value));
  }
  for (const { name, width } of plan.carried) {
    targets.set(fileName(name), new Float32Array(plan.sizes.maxRows * width));
  }
  const sha256 = files?.[OPTIMIZER_FILE]?.sha256;
  const file = path.join(checkpoint, OPTIMIZER_FILE);
  const { maxRows } = plan.sizes;
  await loadTensors(file, targets, fs, sha256, (name, [rows]) => {
    if (!name.startsWith(CARRIED) || rows === maxRows) return;
    throw new UserError(
      `${file} has what ${rows} rows carry from batch to batch, and batches have ${maxRows} now: ` +
        'a language model goes on with the train.batchSize that it was trained with',
    );
  });
  for (const { name, states, panel0, width } of plan.carried) {
    const state = heap.tensor(states[slot]!);
    targets.get(fileName(name))!.forEach((value, i) => {
      const column = i % width;
      state.set(panel0 + (column >> 4), Math.floor(i / width), column & 15, value);
    });
  }
}

async function loadTensors(
  file: string,
  targets: Map<string, FloatArray>,
  fs: RunFileSystem,
  sha256?: string,
  check?: (name: string, shape: readonly number[]) => void,
): Promise<void> {
  const read = new Map<string, Float32Array>();
  const into = (name: string, shape: readonly number[]): Float32Array | undefined => {
    const target = targets.get(name);
    if (target === undefined) return undefined;
    check?.(name, shape);
    // The reference backend computes in float64; the file holds float32.
    const data = target instanceof Float32Array ? target : new Float32Array(target.length);
    read.set(name, data);
    return data;
  };
  await readSafetensors(file, into, { fs, ...(sha256 !== undefined && { sha256 }) });
  for (const [name, target] of targets) {
    const data = read.get(name);
    if (data === undefined) throw new UserError(`${file}: expected a tensor named "${name}"`);
    if (data !== target) target.set(data);
  }
}

/** Training stands still meanwhile: a callback for each of millions of numbers would take ten times as long. */
function areFinite(values: FloatArray): boolean {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    // Infinity − Infinity and NaN − NaN are NaN.
    if (value - value !== 0) return false;
  }
  return true;
}
