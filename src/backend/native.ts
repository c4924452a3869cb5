import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { UserError } from '../errors.js';
import { packageFile } from '../package-root.js';
import type { DoubleTensor } from '../tensor/heap.js';
import { CompiledBackend } from './compiled.js';
import { kernelDigest } from './kernel-sources.js';

/** What the addon (kernels/addon.c) exports. */
interface Addon {
  attach(heap: Uint8Array, instructionSet: number): void;
  run(kernel: number, argsOffset: number): void;
  prepareMemory(memory: Uint8Array): number;
  instructionSets: { name: string; supported: boolean; fused: boolean; lanes: number }[];
}

const CACHE_LINE = 64;

let loaded: Addon | undefined;
/** Whose heap this thread's addon is at: it knows one at a time. */
let attached: object | undefined;

function load(): Addon {
  // The addon is loaded through `require`, since `import` cannot load native code.
  loaded ??= createRequire(import.meta.url)(packageFile('build/lockstep.node')) as Addon;
  return loaded;
}

/** The instruction sets that the addon was built for and this processor has, the fastest first. */
export function nativeInstructionSets(): string[] {
  return load()
    .instructionSets.filter((set) => set.supported)
    .map((set) => set.name);
}

/**
 * The instruction set that computes: the fastest, or the one that the environment variable LOCKSTEP_INSTRUCTIONS names.
 *
 * @throws UserError when it names one that is not to be had
 */
function chosenInstructionSet(): string {
  const sets = nativeInstructionSets();
  const wanted = process.env['LOCKSTEP_INSTRUCTIONS'] ?? '';
  if (wanted === '') return sets[0]!;
  if (sets.includes(wanted)) return wanted;
  throw new UserError(
    `LOCKSTEP_INSTRUCTIONS: expected one of ${sets.join(', ')} on this processor, got ${JSON.stringify(wanted)}`,
  );
}

/** Whether the instruction set that computes rounds multiply-adds once. */
export function isNativeFused(): boolean {
  const chosen = chosenInstructionSet();
  return load().instructionSets.find(({ name }) => name === chosen)!.fused;
}

/** Why the native backend can or cannot be used here. */
export function describeNative(): { available: boolean; reason: string } {
  const missing = whyNotBuilt();
  if (missing !== undefined) return { available: false, reason: missing };
  try {
    return {
      available: true,
      reason: `compiled for this machine, ${chosenInstructionSet()} kernels`,
    };
  } catch (error) {
    if (error instanceof UserError) throw error;
    return { available: false, reason: firstLine(error) };
  }
}

/** What scripts/build-native.js says of its latest build. */
interface BuildReport {
  built: boolean;
  reason: string;
  /** Of the sources that it was built from. */
  sources: string;
}

function whyNotBuilt(): string | undefined {
  let report: BuildReport;
  try {
    report = JSON.parse(readFileSync(packageFile('build/native.json'), 'utf8')) as BuildReport;
  } catch {
    return 'the native kernels have not been built (npm rebuild, or npm install without --ignore-scripts)';
  }
  if (!report.built) return report.reason;
  if (report.sources === kernelDigest()) return undefined;
  return `the native kernels were built from other sources than there are now (node scripts/build-native.js in ${packageFile('.')} builds them anew)`;
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n')[0] ?? '';
}

/** Shared memory for the native kernels: from a cache line on, and on large pages where the system has them. */
export function createNativeMemory(bytes: number): Uint8Array {
  const buffer = new SharedArrayBuffer(bytes + CACHE_LINE);
  return new Uint8Array(buffer, load().prepareMemory(new Uint8Array(buffer)), bytes);
}

/**
 * The kernels compiled for this processor, bound to a heap on the calling thread, which may have several.
 *
 * @param instructionSet one of `nativeInstructionSets()`
 */
export function createNativeBackend(
  heap: Uint8Array,
  argumentSpace: DoubleTensor,
  instructionSet = chosenInstructionSet(),
): CompiledBackend {
  const addon = load();
  const index = addon.instructionSets.findIndex((set) => set.name === instructionSet);
  const set = addon.instructionSets[index];
  if (!set) throw new Error(`unknown instruction set ${instructionSet}`);
  const own = {};
  const run = (kernel: number, offset: number): void => {
    if (attached !== own) {
      addon.attach(heap, index);
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
