import { totalmem } from 'node:os';
import { UserError } from '../errors.js';
import type { DoubleTensor } from '../tensor/heap.js';
import { profileOf, type Backend, type NumericProfile, type Precision } from './backend.js';
import { requireOwnKernels } from './kernel-sources.js';
import { createNativeBackend, createNativeBlock, describeNative, nativeTraits } from './native.js';
import { createReferenceBackend } from './reference.js';
import type { BackendKind, SharedBlock } from './block.js';
import { WASM_HEAP_LIMIT } from './wasm.js';
import { createWasmBackend, createWasmMemory, hasRelaxedSimd } from './wasm-files.js';

export interface BackendChoice {
  kind: BackendKind;
  /** Why this one: for the user to read. */
  reason: string;
  /** How its results are rounded: the same profile gives the same bits. */
  profile: NumericProfile;
}

/** A backend, and what is found of it here. */
export interface BackendDescription {
  readonly name: BackendKind;
  readonly available: boolean;
  /** Why it is, or why not: for the user to read. */
  readonly reason: string;
  /** What multiplies bfloat16 there: tiles several times as fast as anything multiplies float32, all else about as fast. */
  readonly bfloat16: 'AMX' | 'multiply-adds';
}

/**
 * Every backend, whether it can be used here, and why or why not.
 *
 * @throws UserError where none can, since the program was compiled beside other kernels
 */
export function describeBackends(): BackendDescription[] {
  requireOwnKernels();
  const simd = hasRelaxedSimd() ? 'with fused multiply-add' : 'without fused multiply-add';
  const native = describeNative();
  const hasTiles = native.available && nativeTraits().hasTiles;
  const portable = { available: true, bfloat16: 'multiply-adds' } as const;
  return [
    { name: 'native', ...native, bfloat16: hasTiles ? 'AMX' : 'multiply-adds' },
    { name: 'wasm', ...portable, reason: `portable WebAssembly kernels, ${simd}` },
    { name: 'reference', ...portable, reason: 'plain TypeScript in float64, for checking only' },
  ];
}

/**
 * Chooses the backend of a run: the one asked for, else native, else WebAssembly.
 *
 * @param precision of its products
 * @throws UserError when the one asked for cannot be used here
 */
export function chooseBackend(
  requested: 'auto' | BackendKind,
  precision: Precision = 'float32',
): BackendChoice {
  if (requested === 'auto') {
    requireOwnKernels();
    // WebAssembly is not looked at where nobody needs it: to find out what it can do here takes a while.
    const native = describeNative();
    if (native.available) return choice('native', native.reason, precision);
    return choice('wasm', `native kernels are not available: ${native.reason}`, precision);
  }
  const chosen = describeBackends().find((backend) => backend.name === requested)!;
  if (!chosen.available) {
    throw new UserError(`the ${requested} backend cannot be used here: ${chosen.reason}`);
  }
  return choice(requested, `asked for; ${chosen.reason}`, precision);
}

function choice(kind: BackendKind, reason: string, precision: Precision): BackendChoice {
  if (kind === 'reference') return { kind, reason, profile: profileOf('float64', precision) };
  const fused = kind === 'native' ? nativeTraits().fused : hasRelaxedSimd();
  return { kind, reason, profile: profileOf(fused ? 'fma' : 'muladd', precision) };
}

/** What products multiply where nobody says so: bfloat16 where there are tiles, which multiply it several times as fast as anything multiplies float32. */
export function choosePrecision(requested: 'auto' | BackendKind): Precision {
  const { kind } = chooseBackend(requested);
  return kind === 'native' && nativeTraits().hasTiles ? 'bfloat16' : 'float32';
}

/**
 * Allocates the block that a heap plan asked for.
 *
 * @param training whether a smaller batch would help whoever is told that there is too little
 * @throws UserError when the machine or the backend has less
 */
export function allocateBlock(kind: BackendKind, bytes: number, training = true): SharedBlock {
  expectMemory(kind, bytes, undefined, training);
  if (kind === 'native') return createNativeBlock(bytes);
  if (kind === 'reference') return { bytes: new Uint8Array(new SharedArrayBuffer(bytes)) };
  const memory = createWasmMemory(bytes);
  return { bytes: new Uint8Array(memory.buffer), memory };
}

/**
 * @param bytes of one block
 * @param beside bytes that are needed at the same time, and a key that lowers them
 * @param training whether a smaller batch would help
 * @throws UserError when the machine or the backend has less memory
 */
export function expectMemory(
  kind: BackendKind,
  bytes: number,
  beside?: { bytes: number; lower?: string | undefined },
  training = true,
): void {
  const all = bytes + (beside?.bytes ?? 0);
  const needed = training ? 'this model and batch need' : 'to use this model takes';
  if (all > totalmem()) {
    throw new UserError(
      `${needed} ${gib(all)} of memory, and the machine has ${gib(totalmem())}: ` +
        (training
          ? 'lower the sizes under model, train.batchSize, or data.maxLength or train.sequenceLength'
          : 'use one with smaller sizes under model, or a larger machine') +
        (beside?.lower === undefined ? '' : `, or ${beside.lower}`),
    );
  }
  const instead = training ? 'lower train.batchSize or the model size' : 'a smaller model';
  expectAddressable(kind, bytes, { needed, instead });
}

/**
 * @param bytes of one block
 * @param words.needed begins the sentence, before the size
 * @param words.instead of another backend
 * @throws UserError when the backend can address less
 */
export function expectAddressable(
  kind: BackendKind,
  bytes: number,
  { needed, instead }: { needed: string; instead: string },
): void {
  if (kind !== 'wasm' || bytes <= WASM_HEAP_LIMIT) return;
  throw new UserError(
    `${needed} ${gib(bytes)} of memory, and the wasm backend can address 4 GiB: ` +
      `use the native backend (lockstep doctor says what it lacks), or ${instead}`,
  );
}

const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** The kernels on this thread; `thread` is its number, `argumentSpace` its own place for kernel arguments. */
export function createBackend(
  kind: BackendKind,
  block: SharedBlock,
  thread: number,
  argumentSpace: DoubleTensor,
): Backend {
  if (kind === 'native') return createNativeBackend(block, argumentSpace);
  if (kind === 'reference') return createReferenceBackend();
  return createWasmBackend(block.memory!, thread, argumentSpace);
}
