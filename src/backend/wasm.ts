import type { DoubleTensor } from '../tensor/heap.js';
import { CompiledBackend } from './compiled.js';

/**
 * Bytes at the start of a WebAssembly heap that belong to the module: its constants, then one stack for each
 * thread. Tensors lie behind them.
 */
const MODULE_BYTES = 64 * 1024;
const STACK_BYTES = 64 * 1024;
const PAGE_BYTES = 65_536;
const MAX_PAGES = 65_536;

/** Largest heap in bytes that 32-bit WebAssembly can address. */
export const WASM_HEAP_LIMIT = PAGE_BYTES * MAX_PAGES;

/** Bytes to reserve at the start of a heap that `threads` threads use through WebAssembly. */
export function wasmReservedBytes(threads: number): number {
  return MODULE_BYTES + threads * STACK_BYTES;
}

/**
 * A WebAssembly memory of at least `bytes` bytes.
 *
 * @param shared by threads; one that is not stays as large as it is
 */
export function createMemory(bytes: number, shared: boolean): WebAssembly.Memory {
  const pages = Math.ceil(bytes / PAGE_BYTES);
  return new WebAssembly.Memory(
    shared ? { initial: pages, maximum: MAX_PAGES, shared } : { initial: pages },
  );
}

interface WasmExports {
  run: (kernel: number, argsOffset: number) => void;
  __stack_pointer: WebAssembly.Global;
  __heap_base: WebAssembly.Global;
}

/**
 * The WebAssembly kernels, bound to a memory on the calling thread.
 *
 * @param module the kernels, compiled
 * @param thread number of this thread below the count given to `wasmReservedBytes`: each has a stack of its own
 * @param relaxed whether the module has fused multiply-adds
 */
export function bindWasm(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  thread: number,
  argumentSpace: DoubleTensor,
  relaxed: boolean,
): CompiledBackend {
  const instance = new WebAssembly.Instance(module, { env: { memory } });
  const exports = instance.exports as unknown as WasmExports;
  if (exports.__heap_base.value > MODULE_BYTES) throw new Error('the module outgrew MODULE_BYTES');
  // Stacks grow downwards, from the end of each thread's own region.
  exports.__stack_pointer.value = MODULE_BYTES + (thread + 1) * STACK_BYTES;
  return new CompiledBackend(
    relaxed ? 'wasm (relaxed simd)' : 'wasm (simd)',
    relaxed ? 'fma-float32' : 'muladd-float32',
    4,
    exports.run,
    argumentSpace,
  );
}
