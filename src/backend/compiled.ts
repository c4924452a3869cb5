import type { DoubleTensor } from '../tensor/heap.js';
import type { Backend, NumericProfile } from './backend.js';
import { CALL_ARGUMENTS, type Call, type Kernel } from './kernels/kernel.js';
import { KERNELS } from './kernels/registry.js';

/** Runs kernel number `kernel` with the arguments at byte `argsOffset` of the heap. */
export type RunKernel = (kernel: number, argsOffset: number) => void;

const numberOf = new Map(KERNELS.map(({ name }, number) => [name, number]));

/**
 * Adapter between the kernels' descriptions and the C kernels, native and WebAssembly alike. Binding a kernel
 * writes its operands once, as byte offsets and counts, into a block of float64 numbers on the heap; a call
 * writes its few changing numbers behind them and passes the block's place.
 */
export class CompiledBackend implements Backend {
  readonly #arguments: Float64Array;
  readonly #end: number;
  #free: number;

  /**
   * @param argumentSpace doubles on the heap of this thread's own that hold the arguments of bound kernels
   * @param release lets go of the heap, where something else than this object holds it
   */
  constructor(
    readonly name: string,
    readonly profile: NumericProfile,
    readonly lanes: number,
    private readonly runKernel: RunKernel,
    argumentSpace: DoubleTensor,
    readonly release: () => void = () => undefined,
  ) {
    this.#arguments = argumentSpace.data;
    this.#free = argumentSpace.offset;
    this.#end = argumentSpace.offset + (argumentSpace.shape[0] ?? 0);
  }

  bind<Operands, Arguments extends readonly unknown[]>(
    kernel: Kernel<Operands, Arguments>,
    operands: Operands,
  ): Call<Arguments> {
    const number = numberOf.get(kernel.name);
    if (number === undefined) throw new Error(`kernel ${kernel.name} is not registered`);
    const bound = kernel.arguments(operands);
    const start = this.#free;
    const first = start + bound.length;
    this.#free = first + CALL_ARGUMENTS;
    if (this.#free > this.#end) throw new Error('the space for kernel arguments is full');
    const block = this.#arguments;
    block.set(bound, start);
    const { runKernel } = this;
    const offset = start * 8;
    return kernel.call({
      block,
      first,
      run: () => {
        runKernel(number, offset);
      },
    });
  }
}
