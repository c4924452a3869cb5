import type { Backend, NumericProfile } from '../../src/backend/backend.js';
import {
  createNativeBackend,
  describeNative,
  nativeInstructionSets,
} from '../../src/backend/native.js';
import { createReferenceBackend } from '../../src/backend/reference.js';
import { heapTraits, type SharedBlock } from '../../src/backend/block.js';
import { allocateBlock } from '../../src/backend/select.js';
import { createWasmBackend, hasRelaxedSimd } from '../../src/backend/wasm-files.js';
import type { DoubleTensor } from '../../src/tensor/heap.js';

/** Bytes of the heap that every implementation computes on: room for the largest case. */
const CAPACITY = 16 * 2 ** 20;

/** One way to run the kernels, on a heap of its own. */
export interface Implementation {
  name: string;
  profile: NumericProfile;
  /** Why it cannot run here; absent when it can. */
  missing?: string;
  /** Bytes at the start of the heap that are not the kernels'. */
  reserved: number;
  /** The same block at every call. */
  block(): SharedBlock;
  bind(block: SharedBlock, argumentSpace: DoubleTensor): Backend;
}

/** The oracle: float64 arithmetic on float32 tensors. */
export const reference: Implementation = {
  name: 'reference',
  profile: 'float64',
  reserved: heapTraits('native', 1).reserved,
  block: once(() => allocateBlock('reference', CAPACITY)),
  bind: createReferenceBackend,
};

/** Every compiled variant of the kernels, whether it can run here or not. */
export const compiled: Implementation[] = [
  ...nativeVariants(process.arch === 'arm64' ? ['neon'] : ['avx512', 'avx2', 'fma128', 'baseline']),
  wasm(true),
  wasm(false),
];

/** The variant whose products of bfloat16 go through tiles; all else it computes as AVX-512 does. */
export const [amx] = nativeVariants(['amx']) as [Implementation];

/** Those that can run here, by how they round. */
export function runnable(profile: NumericProfile): Implementation[] {
  return compiled.filter((one) => one.missing === undefined && one.profile === profile);
}

function nativeVariants(names: readonly string[]): Implementation[] {
  const { available, reason } = describeNative();
  const supported = available ? nativeInstructionSets() : [];
  const block = once(() => allocateBlock('native', CAPACITY));
  return names.map((name) => ({
    name: `native ${name}`,
    profile: name === 'baseline' ? 'muladd-float32' : 'fma-float32',
    ...(!supported.includes(name) && {
      missing: available ? 'this processor does not have the instructions' : reason,
    }),
    reserved: heapTraits('native', 1).reserved,
    block,
    bind: (block, space) => createNativeBackend(block, space, name),
  }));
}

function wasm(relaxed: boolean): Implementation {
  return {
    name: relaxed ? 'wasm relaxed' : 'wasm plain',
    profile: relaxed ? 'fma-float32' : 'muladd-float32',
    ...(relaxed && !hasRelaxedSimd() && { missing: 'this engine does not have relaxed SIMD' }),
    reserved: heapTraits('wasm', 1).reserved,
    block: once(() => allocateBlock('wasm', CAPACITY)),
    bind: (block, space) => createWasmBackend(block.memory!, 0, space, relaxed),
  };
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
