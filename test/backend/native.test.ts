import { createRequire } from 'node:module';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  createNativeMemory,
  describeNative,
  nativeInstructionSets,
} from '../../src/backend/native.js';
import { UserError } from '../../src/errors.js';
import { packageFile } from '../../src/package-root.js';

const { available, reason } = describeNative();

describe.skipIf(!available)(`native kernels${available ? '' : ` (skipped: ${reason})`}`, () => {
  afterEach(() => vi.unstubAllEnvs());

  it('have memory that begins with a cache line', () => {
    const { prepareMemory } = createRequire(import.meta.url)(
      packageFile('build/lockstep.node'),
    ) as { prepareMemory: (memory: Uint8Array) => number };
    const memory = createNativeMemory(10_000);
    expect(memory.length).toBe(10_000);
    // The offset of the next cache line.
    expect(prepareMemory(memory)).toBe(0);
    expect(prepareMemory(memory.subarray(16))).toBe(48);
  });

  it('are those of the fastest instruction set, unless another one is asked for', () => {
    const [fastest] = nativeInstructionSets();
    expect(reason).toBe(`compiled for this machine, ${fastest} kernels`);
    const slowest = nativeInstructionSets().at(-1)!;
    vi.stubEnv('LOCKSTEP_INSTRUCTIONS', slowest);
    expect(describeNative().reason).toBe(`compiled for this machine, ${slowest} kernels`);
  });

  it('of an instruction set that is not to be had are refused in one sentence', () => {
    vi.stubEnv('LOCKSTEP_INSTRUCTIONS', 'avx9');
    expect(describeNative).toThrow(UserError);
    expect(describeNative).toThrow(
      `LOCKSTEP_INSTRUCTIONS: expected one of ${nativeInstructionSets().join(', ')} on this processor, got "avx9"`,
    );
  });
});
