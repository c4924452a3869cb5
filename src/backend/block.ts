import { wasmReservedBytes } from './wasm.js';

/** The memory of a backend, without what is particular to a machine: browsers have it, too. */

export type BackendKind = 'native' | 'wasm' | 'reference';

/** Memory that threads share, with what their kernels need beside it. */
export interface SharedBlock {
  bytes: Uint8Array;
  /** WebAssembly cannot use a plain buffer. */
  memory?: WebAssembly.Memory;
  /** Path of the native kernels: every thread has the same. */
  nativeFile?: string;
}

/** What a heap plan has to know of its backend: bytes of a float and bytes to keep free at the start. */
export function heapTraits(
  kind: BackendKind,
  threads: number,
): { floatBytes: 4 | 8; reserved: number } {
  if (kind === 'reference') return { floatBytes: 8, reserved: 64 };
  // Offset 0 stands for "absent" in the kernels' arguments, so that nothing may lie there.
  return { floatBytes: 4, reserved: kind === 'wasm' ? wasmReservedBytes(threads) : 64 };
}
