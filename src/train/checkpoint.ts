import { createHash } from 'node:crypto';
import * as nodeFs from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors.js';
import type { NetworkPlan } from '../model/plan.js';
import type { Engine } from './engine.js';
import { readSafetensors, writeSafetensors, type Tensor } from './safetensors.js';

/**
 * Checkpoints: a directory with the model's weights, the optimizer's state and `state.json`, written under a
 * temporary name, flushed and renamed, so that a directory with a checkpoint's name always is a whole one.
 */

export const MODEL_FILE = 'model.safetensors';
export const OPTIMIZER_FILE = 'optimizer.safetensors';
export const STATE_FILE = 'state.json';

const bestSchema = z.strictObject({ step: z.int(), loss: z.number(), accuracy: z.number() });
const fileSchema = z.strictObject({ bytes: z.int(), sha256: z.string() });

const stateSchema = z.strictObject({
  version: z.literal(1),
  /** Finished updates; the next batch is number `step` of the run, counted from 0. */
  step: z.int().min(0),
  epoch: z.number().min(0),
  seed: z.int(),
  /** How multiply-adds are rounded: other profiles give other bits from here on. */
  profile: z.string(),
  /** SHA-256 of the corpus's sources and options. */
  corpus: z.string(),
  best: bestSchema.optional(),
  files: z.record(z.string(), fileSchema),
});

export type RunState = z.output<typeof stateSchema>;
export type BestResult = z.output<typeof bestSchema>;

/** The state of a run besides its tensors. */
export type Progress = Omit<RunState, 'version' | 'files'>;

/**
 * A copy of everything that a checkpoint holds, taken between two steps. Training goes on while the copy is
 * written, so that it waits only as long as the copying takes.
 */
export class Snapshot {
  readonly #model: (Tensor & { source: Float32Array })[];
  readonly #optimizer: (Tensor & { source: Float32Array })[];
  readonly #states: { tensor: Tensor; copy: (slot: number) => void }[];

  /** Allocates the copies once; `take` fills them. */
  constructor(engine: Engine) {
    const { plan, heap } = engine;
    const tensorOf = (name: string, shape: readonly number[], source: Float32Array) => ({
      name,
      shape: [...shape],
      data: new Float32Array(source.length),
      source,
    });
    this.#model = plan.parameters.map((p) =>
      tensorOf(p.name, p.shape, heap.flat(p.value) as Float32Array),
    );
    this.#optimizer = plan.parameters.flatMap((p) => [
      tensorOf(`${p.name}.exp_avg`, p.shape, heap.flat(p.moment1!) as Float32Array),
      tensorOf(`${p.name}.exp_avg_sq`, p.shape, heap.flat(p.moment2!) as Float32Array),
    ]);
    this.#states = carriedStates(plan).map(({ name, layer, panel0, hidden }) => {
      const data = new Float32Array(plan.sizes.maxRows * hidden);
      return {
        tensor: { name, shape: [plan.sizes.maxRows, hidden], data },
        copy: (slot) => {
          const source = heap.tensor(plan.layers[layer]!.states[slot]!);
          for (let i = 0; i < data.length; i++) {
            const column = i % hidden;
            data[i] = source.get(panel0 + (column >> 4), Math.floor(i / hidden), column & 15);
          }
        },
      };
    });
  }

  /** Copies weights, moments and the state that the next batch, in `slot`, will start from. */
  take(slot: number): void {
    for (const { data, source } of [...this.#model, ...this.#optimizer]) data.set(source);
    for (const state of this.#states) state.copy(slot);
  }

  get bytes(): number {
    return 4 * [...this.#model, ...this.#optimizer].reduce((sum, { data }) => sum + data.length, 0);
  }

  /** Writes what was taken as checkpoint `name` below `directory` and returns its path. */
  async write(directory: string, name: string, progress: Progress): Promise<string> {
    const target = path.join(directory, name);
    const partial = path.join(directory, `.${name}.partial`);
    await nodeFs.rm(partial, { recursive: true, force: true });
    await nodeFs.mkdir(partial, { recursive: true });
    const model = await writeSafetensors(path.join(partial, MODEL_FILE), this.#model);
    const optimizer = await writeSafetensors(path.join(partial, OPTIMIZER_FILE), [
      ...this.#optimizer,
      ...this.#states.map(({ tensor }) => tensor),
    ]);
    const state: RunState = {
      version: 1,
      ...progress,
      files: { [MODEL_FILE]: model, [OPTIMIZER_FILE]: optimizer },
    };
    // Last: a directory with it has everything else.
    await writeDurably(path.join(partial, STATE_FILE), `${JSON.stringify(state, null, 2)}\n`);
    await syncDirectory(partial);
    // The same step may have been written before, by a run that was killed behind it: equal bytes.
    await nodeFs.rm(target, { recursive: true, force: true });
    await nodeFs.rename(partial, target);
    await syncDirectory(directory);
    return target;
  }
}

interface CarriedState {
  name: string;
  layer: number;
  /** First panel within the [2 U, rows, 16] state: hidden state, then cell state. */
  panel0: number;
  hidden: number;
}

/** State that language models carry from batch to batch. */
function carriedStates(plan: NetworkPlan): CarriedState[] {
  const { shape } = plan.sizes;
  if (shape.task !== 'language-model') return [];
  return shape.layers.flatMap((hidden, layer) => [
    { name: `carried.hidden_l${layer}`, layer, panel0: 0, hidden },
    { name: `carried.cell_l${layer}`, layer, panel0: Math.ceil(hidden / 16), hidden },
  ]);
}

/**
 * Reads and checks `state.json` of a checkpoint directory.
 *
 * @throws UserError naming the file when it is missing or damaged
 */
export async function readState(checkpoint: string): Promise<RunState> {
  const file = path.join(checkpoint, STATE_FILE);
  let text: string;
  try {
    text = await nodeFs.readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new UserError(
      `${file}: expected the state of a checkpoint, but it cannot be read (${code})`,
      {
        cause: error,
      },
    );
  }
  try {
    return stateSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new UserError(
      `${file}: damaged: expected the state of a checkpoint as lockstep writes it`,
      {
        cause: error,
      },
    );
  }
}

/**
 * Reads `state.json` and checks every file that it lists against its size and SHA-256.
 *
 * @throws UserError naming the first file that is missing, truncated or altered
 */
export async function verifyCheckpoint(checkpoint: string): Promise<RunState> {
  const state = await readState(checkpoint);
  for (const name of [MODEL_FILE, OPTIMIZER_FILE]) {
    if (!state.files[name]) {
      throw new UserError(
        `${path.join(checkpoint, STATE_FILE)}: damaged: it does not list ${name}`,
      );
    }
  }
  for (const [name, expected] of Object.entries(state.files)) {
    const file = path.join(checkpoint, name);
    const found = await digestFile(file);
    if (found.bytes !== expected.bytes) {
      throw new UserError(
        `${file}: truncated or damaged: expected ${expected.bytes} bytes, found ${found.bytes}`,
      );
    }
    if (found.sha256 !== expected.sha256) {
      throw new UserError(`${file}: damaged: its SHA-256 is not the one in ${STATE_FILE}`);
    }
  }
  return state;
}

async function digestFile(file: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    const handle = await nodeFs.open(file, 'r');
    for await (const chunk of handle.createReadStream()) {
      hash.update(chunk as Buffer);
      bytes += (chunk as Buffer).length;
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new UserError(
      `${file}: expected a file of a checkpoint, but it cannot be read (${code})`,
      {
        cause: error,
      },
    );
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** Loads the weights of a checkpoint; `packWeights` must follow. */
export async function loadModel(engine: Engine, checkpoint: string): Promise<void> {
  const targets = new Map(
    engine.plan.parameters.map((p) => [p.name, engine.heap.flat(p.value) as Float32Array]),
  );
  await loadTensors(path.join(checkpoint, MODEL_FILE), targets);
}

/** Loads the optimizer's moments, and the state carried into the batch in `slot`. */
export async function loadOptimizer(
  engine: Engine,
  checkpoint: string,
  slot: number,
): Promise<void> {
  const { plan, heap } = engine;
  const targets = new Map<string, Float32Array>();
  for (const p of plan.parameters) {
    targets.set(`${p.name}.exp_avg`, heap.flat(p.moment1!) as Float32Array);
    targets.set(`${p.name}.exp_avg_sq`, heap.flat(p.moment2!) as Float32Array);
  }
  const states = carriedStates(plan);
  for (const { name, hidden } of states) {
    targets.set(name, new Float32Array(plan.sizes.maxRows * hidden));
  }
  await loadTensors(path.join(checkpoint, OPTIMIZER_FILE), targets);
  for (const { name, layer, panel0, hidden } of states) {
    const state = heap.tensor(plan.layers[layer]!.states[slot]!);
    targets.get(name)!.forEach((value, i) => {
      const column = i % hidden;
      state.set(panel0 + (column >> 4), Math.floor(i / hidden), column & 15, value);
    });
  }
}

async function loadTensors(file: string, targets: Map<string, Float32Array>): Promise<void> {
  const missing = new Set(targets.keys());
  await readSafetensors(file, (name) => {
    missing.delete(name);
    return targets.get(name);
  });
  const [first] = missing;
  if (first !== undefined) throw new UserError(`${file}: expected a tensor named "${first}"`);
}

/** Writes a small file so that it is either the old or the new one, whatever happens. */
export async function replaceFile(file: string, content: string): Promise<void> {
  const temporary = `${file}.partial`;
  await writeDurably(temporary, content);
  await nodeFs.rename(temporary, file);
  await syncDirectory(path.dirname(file));
}

async function writeDurably(file: string, content: string): Promise<void> {
  await nodeFs.writeFile(file, content, { flush: true });
}

/** Makes names last through a power cut. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await nodeFs.open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
