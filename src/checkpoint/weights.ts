import path from 'node:path';
import { UserError } from '../errors.js';
import { foldAttention } from '../model/graph/folded-attention.js';
import { elementsOf, type Parameter } from '../model/weights/parameters.js';
import type { NetworkShape } from '../model/graph/shape.js';
import type { Engine } from '../compute/engine.js';
import { MODEL_FILE, type RunState } from './run-state.js';
import { readSafetensors } from './safetensors.js';

/** The weights of a checkpoint in memory, by the names of their parameters: whatever becomes of its files, they stay what they were. */
export type Weights = ReadonlyMap<string, Float32Array>;

/**
 * Reads the weights of some parameters, and looks that they are those that a state was written with.
 *
 * @throws UserError naming the file when it cannot be read, was altered or replaced, or has not a tensor of each shape
 */
export async function readWeights(
  checkpoint: string,
  { files }: Pick<RunState, 'files'>,
  parameters: readonly Pick<Parameter, 'name' | 'shape'>[],
): Promise<Weights> {
  const file = path.join(checkpoint, MODEL_FILE);
  const expected = new Map(parameters.map(({ name, shape }) => [name, elementsOf(shape)]));
  const weights = new Map<string, Float32Array>();
  const into = (name: string): Float32Array | undefined => {
    const size = expected.get(name);
    if (size === undefined) return undefined;
    const data = new Float32Array(size);
    weights.set(name, data);
    return data;
  };
  await readSafetensors(file, into, { sha256: files[MODEL_FILE]!.sha256 });
  const missing = parameters.find(({ name }) => !weights.has(name));
  if (missing) throw new UserError(`${file}: expected a tensor named "${missing.name}"`);
  return weights;
}

/** A network as decoders go on with it, and its weights: those of the checkpoint, and what is made of them. */
export function foldWeights(
  shape: NetworkShape,
  weights: Weights,
): { shape: NetworkShape; weights: Weights } {
  const { shape: folded, makeWeights } = foldAttention(shape);
  const made = makeWeights((name) => weights.get(name)!);
  return { shape: folded, weights: new Map([...weights, ...made]) };
}

/** Gives an engine its weights; `packWeights` must follow. */
export function setWeights({ plan, heap }: Engine, weights: Weights): void {
  for (const { name, value } of plan.parameters) heap.flat(value).set(weights.get(name)!);
}
