import { createMemory, bindWasm } from '../backend/wasm.js';
import { Engine } from '../compute/engine.js';
import { openHeap, planEngine, type EngineHandle } from '../compute/engine-memory.js';
import { runLocally } from '../compute/local-runner.js';
import { type BatchSizes, holdsAll } from '../data/batches/batch-source.js';
import type { NetworkShape } from '../model/graph/shape.js';
import type { NetworkSizes } from '../model/sizes.js';
import { UserError } from '../errors.js';
import { Turns } from '../use/turns.js';

/** Copies a parameter's values to where they are computed with. */
export type CopyWeight = (parameter: string, to: Float32Array) => void;

/** A network on the calling thread, in a memory of its own that nobody shares, which any page may have. */
export class WebEngine {
  readonly shape: NetworkShape;
  readonly rowSizes: BatchSizes;
  readonly #turns = new Turns();
  #engine: Engine | undefined;

  constructor(
    private readonly kernels: WebAssembly.Module,
    private readonly sizes: NetworkSizes,
    private readonly copyWeight: CopyWeight,
  ) {
    this.shape = sizes.shape;
    const { maxRows, maxTokens, maxSteps, source } = sizes;
    this.rowSizes = { maxRows, maxTokens, maxSteps, ...(source && { source }) };
  }

  /** Runs a task with the engine when those before it are done; `sizes` are those that it has to hold. */
  take<T>(
    task: (engine: Engine) => Promise<T>,
    { sizes }: { readonly sizes?: BatchSizes } = {},
  ): Promise<T> {
    return this.#turns.take(async () => task(await this.#fit(sizes ?? this.rowSizes)));
  }

  /** Makes the engine that the first call would wait for. */
  prepare(): Promise<void> {
    return this.take(() => Promise.resolve());
  }

  async #fit(wanted: BatchSizes): Promise<Engine> {
    const former = this.#engine;
    if (former && holdsAll(former.handle.sizes, wanted)) return former;
    const sizes: NetworkSizes = { ...this.sizes, ...largerOf(this.rowSizes, wanted) };
    const { buffers } = planEngine('wasm', sizes);
    const memory = makeMemory(buffers.bytes);
    const handle: EngineHandle = {
      backend: 'wasm',
      sizes,
      block: { bytes: new Uint8Array(memory.buffer), memory },
    };
    const { heap, plan } = openHeap(handle);
    const space = heap.doubles(plan.argumentSpaces[0]!);
    const backend = bindWasm(this.kernels, memory, 0, space, false);
    const engine = new Engine(handle, runLocally(handle, backend, 0));
    for (const { name } of engine.plan.parameters) {
      this.copyWeight(name, engine.parameter(name) as Float32Array);
    }
    await engine.packWeights();
    this.#engine = engine;
    return engine;
  }
}

/** @throws UserError where a browser gives no such memory: a wide beam follows many texts at a time */
function makeMemory(bytes: number): WebAssembly.Memory {
  try {
    return createMemory(bytes, false);
  } catch (error) {
    throw new UserError(
      `the model takes ${Math.ceil(bytes / 2 ** 20)} MiB of memory for this, which is not to be had here: where it translates, a narrower beam takes less`,
      { cause: error },
    );
  }
}

function largerOf(one: BatchSizes, other: BatchSizes): BatchSizes {
  const [a, b] = [one.source, other.source];
  return {
    maxRows: Math.max(one.maxRows, other.maxRows),
    maxTokens: Math.max(one.maxTokens, other.maxTokens),
    maxSteps: Math.max(one.maxSteps, other.maxSteps),
    ...(a &&
      b && {
        source: {
          maxTokens: Math.max(a.maxTokens, b.maxTokens),
          maxSteps: Math.max(a.maxSteps, b.maxSteps),
        },
      }),
  };
}
