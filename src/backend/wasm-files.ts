import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { packageFile } from '../package-root.js';
import type { DoubleTensor } from '../tensor/heap.js';
import type { CompiledBackend } from './compiled.js';
import { bindWasm, createMemory } from './wasm.js';

/** The WebAssembly kernels of the package, for threads of Node that share a memory. */

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

/** A shared WebAssembly memory of at least `bytes` bytes. */
export function createWasmMemory(bytes: number): WebAssembly.Memory {
  return createMemory(bytes, true);
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
  return bindWasm(module, memory, thread, argumentSpace, relaxed);
}
