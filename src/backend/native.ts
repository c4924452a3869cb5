import { UserError } from '../errors.js';
import type { DoubleTensor } from '../tensor/heap.js';
import type { SharedBlock } from './block.js';
import { CompiledBackend } from './compiled.js';
import { findNativeFile, loadAddon, type Addon, type NativeFile } from './native-file.js';

const CACHE_LINE = 64;

/** Whose heap this thread's addon is at: it knows one at a time. */
let attached: object | undefined;

/** @throws Error where there is none */
function nativeFile(): NativeFile {
  const file = findNativeFile();
  if ('missing' in file) throw new Error(file.missing);
  return file;
}

/** The instruction sets that the addon was built for and this processor has, the fastest first. */
export function nativeInstructionSets(): string[] {
  return supportedBy(loadAddon(nativeFile().path));
}

const supportedBy = ({ instructionSets }: Addon): string[] =>
  instructionSets.filter((set) => set.supported).map((set) => set.name);

/**
 * The instruction set that computes: the fastest, or the one that the environment variable LOCKSTEP_INSTRUCTIONS names.
 *
 * @throws UserError when it names one that is not to be had
 */
function chosenInstructionSet(addon: Addon): string {
  const sets = supportedBy(addon);
  const wanted = process.env['LOCKSTEP_INSTRUCTIONS'] ?? '';
  if (wanted === '') return sets[0]!;
  if (sets.includes(wanted)) return wanted;
  throw new UserError(
    `LOCKSTEP_INSTRUCTIONS: expected one of ${sets.join(', ')} on this processor, got ${JSON.stringify(wanted)}`,
  );
}

/** Of the instruction set that computes: whether it rounds multiply-adds once, and multiplies bfloat16 in the tiles of AMX. */
export function nativeTraits(): { fused: boolean; hasTiles: boolean } {
  const addon = loadAddon(nativeFile().path);
  const chosen = chosenInstructionSet(addon);
  const { fused } = addon.instructionSets.find(({ name }) => name === chosen)!;
  return { fused, hasTiles: chosen === 'amx' };
}

/** Why the native backend can or cannot be used here. */
export function describeNative(): { available: boolean; reason: string } {
  const file = findNativeFile();
  if ('missing' in file) return { available: false, reason: file.missing };
  const set = chosenInstructionSet(loadAddon(file.path));
  return { available: true, reason: `${file.origin}, ${set} kernels` };
}

/** Shared memory for the native kernels: from a cache line on, and on large pages where the system has them. */
export function createNativeBlock(bytes: number): SharedBlock {
  const { path } = nativeFile();
  const buffer = new SharedArrayBuffer(bytes + CACHE_LINE);
  const offset = loadAddon(path).prepareMemory(new Uint8Array(buffer));
  return { bytes: new Uint8Array(buffer, offset, bytes), nativeFile: path };
}

/**
 * The kernels compiled for this processor, bound to a heap on the calling thread, which may have several.
 *
 * @param instructionSet one of `nativeInstructionSets()`
 */
export function createNativeBackend(
  block: SharedBlock,
  argumentSpace: DoubleTensor,
  instructionSet?: string,
): CompiledBackend {
  const addon = loadAddon(block.nativeFile!);
  const wanted = instructionSet ?? chosenInstructionSet(addon);
  const index = addon.instructionSets.findIndex((set) => set.name === wanted);
  const set = addon.instructionSets[index];
  if (!set) throw new Error(`unknown instruction set ${wanted}`);
  const own = {};
  const run = (kernel: number, offset: number): void => {
    if (attached !== own) {
      addon.attach(block.bytes, index);
      attached = own;
    }
    addon.run(kernel, offset);
  };
  const release = (): void => {
    if (attached !== own) return;
    // What the addon is at stays in memory.
    addon.attach(new Uint8Array(1), index);
    attached = undefined;
  };
  const profile = set.fused ? 'fma-float32' : 'muladd-float32';
  const name = `native (${set.name})`;
  return new CompiledBackend(name, profile, set.lanes, run, argumentSpace, release);
}
