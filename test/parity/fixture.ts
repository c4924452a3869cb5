import { checkOptimizer } from '../../src/optimizers/check.js';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'vitest';
import type { BackendKind } from '../../src/backend/block.js';
import { describeBackends } from '../../src/backend/select.js';
import type { RawBatch, RawTokens } from '../../src/model/batch/raw-batch.js';
import type { NetworkShape } from '../../src/model/graph/shape.js';
import { asMatrix } from '../../src/model/weights/parameters.js';
import { describeStack } from '../../src/model/graph/stack.js';
import type { NetworkSizes } from '../../src/model/sizes.js';
import { Engine } from '../../src/compute/engine.js';
import { allocateEngine } from '../../src/compute/allocate-engine.js';
import type { StepSettings } from '../../src/compute/step-settings.js';
import type { OptimizerDescription } from '../../src/optimizers/optimizer.js';
import { createLocalRunner } from '../../src/compute/runner.js';
import { readSafetensors } from '../../src/checkpoint/safetensors.js';

const folder = fileURLToPath(new URL('../fixtures/pytorch/', import.meta.url));

interface CaseFile {
  task: 'classify' | 'language-model';
  sizes: {
    vocabulary: number;
    embedding: number;
    hidden: number;
    layers: number;
    outputs: number;
    /** Whether the head has the embedding's weight. */
    tied?: boolean;
  };
  batches: {
    tokens: number[][];
    labels?: number[];
    targets?: number[][];
    loss: number;
    gradNorm: number;
    logits: number[][] | number[][][];
  }[];
  training: StepSettings & { steps: number; log: { loss: number; gradNorm: number }[] };
}

/** Tests of every backend; those of one that cannot run here are skipped, and the reason is told. */
export function onEachBackend(promise: string, tests: (backend: BackendKind) => void): void {
  describe.each(describeBackends())(`$name ${promise}`, ({ name, available, reason }) => {
    if (available) tests(name);
    else it.skip(`not available: ${reason}`, () => undefined);
  });
}

/** One committed case of what PyTorch computed (scripts/pytorch_fixtures.py). */
export interface Fixture {
  name: string;
  file: CaseFile;
  shape: NetworkShape;
  batches: RawBatch[];
  /** Of one of its files of tensors. */
  path(file: string): string;
  tensors(file: string): Promise<Map<string, Float32Array>>;
}

export function loadFixture(name: string): Fixture {
  const file = JSON.parse(readFileSync(path.join(folder, name, 'case.json'), 'utf8')) as CaseFile;
  const { vocabulary, embedding, hidden, layers, outputs, tied } = file.sizes;
  const pathOf = (tensors: string): string => path.join(folder, name, `${tensors}.safetensors`);
  return {
    ...{ name, file, path: pathOf },
    shape: describeStack({
      ...{ vocabulary, embedding: { width: embedding, tied }, outputs, dropout: 0 },
      layers: Array.from({ length: layers }, () => ({ kind: 'lstm', hiddenSize: hidden })),
      predicts: file.task === 'classify' ? 'row' : 'token',
    }),
    batches: file.batches.map((batch) => rawBatch(batch.tokens, batch.labels, batch.targets)),
    async tensors(tensorFile) {
      const found = new Map<string, Float32Array>();
      await readSafetensors(pathOf(tensorFile), (key, shape) => {
        const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
        found.set(key, values);
        return values;
      });
      return found;
    },
  };
}

/** A batch from nested lists: rows of tokens with a label a row, or with the next token of every token. */
export function rawBatch(
  tokens: number[][],
  labels?: number[],
  targets?: number[][],
  features: number[][][] = [],
  source?: number[][],
): RawBatch {
  return {
    rows: tokens.length,
    ...rawTokens(tokens),
    ...(source && { source: rawTokens(source) }),
    labels: Int32Array.from(labels ?? []),
    targets: Int32Array.from(targets?.flat() ?? []),
    features: features.map((values) => Int32Array.from(values.flat())),
  };
}

function rawTokens(rows: number[][]): RawTokens {
  const rowStart = new Int32Array(rows.length + 1);
  rows.forEach((row, r) => (rowStart[r + 1] = rowStart[r]! + row.length));
  return { tokens: Int32Array.from(rows.flat()), rowStart };
}

/** The largest of some batches, or of their sources. */
export function largestOf(
  batches: readonly RawTokens[],
): Pick<NetworkSizes, 'maxTokens' | 'maxSteps'> {
  const lengths = batches.flatMap(({ rowStart }) =>
    Array.from(rowStart.subarray(1), (end, row) => end - rowStart[row]!),
  );
  return {
    maxTokens: Math.max(...batches.map(({ rowStart }) => rowStart.at(-1)!)),
    maxSteps: Math.max(...lengths),
  };
}

export interface EngineOptions {
  backend: BackendKind;
  parts?: number;
  /** As many as parts unless told otherwise: each works alone. */
  teams?: number;
  shards?: number;
  seed?: number;
  /** Adam unless told otherwise. */
  optimizer?: OptimizerDescription;
  averages?: boolean;
}

/** An engine that is large enough for the batches and runs on this thread. */
export function createEngine(
  shape: NetworkShape,
  batches: RawBatch[],
  options: EngineOptions,
): Engine {
  const { backend, parts = 1, teams = parts, shards = 4, seed = 1 } = options;
  const { optimizer = checkOptimizer('adam'), averages = false } = options;
  const sources = batches.flatMap(({ source }) => source ?? []);
  const sizes: NetworkSizes = {
    shape,
    maxRows: Math.max(...batches.map((batch) => batch.rows)),
    ...largestOf(batches),
    ...(shape.source && { source: largestOf(sources) }),
    parts,
    teams,
    shards,
    seed,
    training: true,
    optimizer,
    averages,
  };
  const handle = allocateEngine(backend, sizes);
  return new Engine(handle, createLocalRunner(handle));
}

/** Puts parameters in place. */
export async function setParameters(
  engine: Engine,
  values: Map<string, Float32Array>,
): Promise<void> {
  for (const parameter of engine.plan.parameters) {
    engine.parameter(parameter.name).set(values.get(parameter.name)!);
  }
  await engine.packWeights();
}

/** The gradient of a parameter after a step, dense and in PyTorch's layout. */
export function gradientOf(engine: Engine, name: string, slot: number): Float64Array {
  const { plan, heap } = engine;
  const parameter = plan.parameters.find((p) => p.name === name)!;
  const [rows = 0, columns = 1] = asMatrix(parameter.shape);
  let dense = new Float64Array(rows * columns);
  if (parameter.gradient) {
    const [, padded = 1] = parameter.gradient.shape;
    dense = Float64Array.from(heap.flat(parameter.gradient)).filter((_, i) => i % padded < columns);
  }
  if (!parameter.gradientKind.kind.includes('distinct')) return dense;
  // An embedding's, where the vectors were.
  const embedding = plan.layers.find(({ parameters }) => parameters.some((p) => p.name === name))!;
  const byDistinct = heap.tensor(embedding.values!);
  const { stream = 0, of } = embedding.output;
  const own = engine.layout(slot);
  const layout = of === 'source' ? own.source! : own;
  const { distinctIndex } = stream === 0 ? layout : layout.features[stream - 1]!;
  for (let row = 0; row < rows; row++) {
    const place = distinctIndex[row]!;
    for (let c = 0; c < columns && place >= 0; c++) {
      dense[row * columns + c]! += byDistinct.get(Math.floor(c / 16), place, c % 16);
    }
  }
  return dense;
}

/** ‖a − b‖ / ‖b‖ */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let difference = 0;
  let size = 0;
  for (let i = 0; i < b.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    size += b[i]! ** 2;
  }
  return Math.sqrt(difference / Math.max(size, Number.MIN_VALUE));
}
