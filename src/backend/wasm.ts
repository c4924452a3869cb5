import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { packageFile } from '../package-root.js';
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

/** A shared WebAssembly memory of at least `bytes` bytes. */
export function createWasmMemory(bytes: number): WebAssembly.Memory {
  const pages = Math.ceil(bytes / PAGE_BYTES);
  return new WebAssembly.Memory({ initial: pages, maximum: MAX_PAGES, shared: true });
}

const modules = new Map<string, WebAssembly.Module>();

function compile(file: string): WebAssembly.Module {
  let module = modules.get(file);
  if (!module) {
    module = new WebAssembly.Module(readFileSync(packageFile(`kernels/wasm/${file}`)));
    modules.set(file, module);
  }
  return module;
}

/** Whether the engine has relaxed SIMD (fused multiply-add); on Node 20 it lies behind a flag. */
export function hasRelaxedSimd(): boolean {
  try {
    compile('lockstep-relaxed.wasm');
    return true;
  } catch {
    // Not known to the engine by default: the flag has to be set before the module is compiled.
  }
  try {
    setFlagsFromString('--experimental-wasm-relaxed-simd');
    compile('lockstep-relaxed.wasm');
    return true;
  } catch {
    // An engine without relaxed SIMD altogether: the plain module serves.
    return false;
  }
}

interface WasmExports {
  run: (kernel: number, argsOffset: number) => void;
  __stack_pointer: WebAssembly.Global;
  __heap_base: WebAssembly.Global;
}

/**
 * The WebAssembly kernels, bound to a shared memory on the calling thread.
 *
 * @param thread number of this thread below the count given to `wasmReservedBytes`: each has a stack of its own
 * @param relaxed whether to use fused multiply-adds; by default when the engine has them
 */
export function createWasmBackend(
  memory: WebAssembly.Memory,
  thread: number,
  argumentSpace: DoubleTensor,
  relaxed = hasRelaxedSimd(),
): CompiledBackend {
  const module = compile(relaxed ? 'lockstep-relaxed.wasm' : 'lockstep.wasm');
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
