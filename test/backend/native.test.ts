import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  createNativeBlock,
  describeNative,
  nativeInstructionSets,
} from '../../src/backend/native.js';
import { loadAddon } from '../../src/backend/native-file.js';
import { UserError } from '../../src/errors.js';

const { available, reason } = describeNative();

describe.skipIf(!available)(`native kernels${available ? '' : ` (skipped: ${reason})`}`, () => {
  afterEach(() => vi.unstubAllEnvs());

  it('have memory that begins with a cache line', () => {
    const { bytes, nativeFile } = createNativeBlock(10_000);
    const addon = loadAddon(nativeFile!);
    expect(bytes.length).toBe(10_000);
    // The offset of the next cache line.
    expect(addon.prepareMemory(bytes)).toBe(0);
    expect(addon.prepareMemory(bytes.subarray(16))).toBe(48);
  });

  it('are those of the fastest instruction set, unless another one is asked for', () => {
    const [fastest] = nativeInstructionSets();
    const origin = /^(compiled for this machine|prebuilt for \w+ \w+ with \w+), /.source;
    expect(reason).toMatch(new RegExp(`${origin}${fastest} kernels$`));
    const slowest = nativeInstructionSets().at(-1)!;
    vi.stubEnv('LOCKSTEP_INSTRUCTIONS', slowest);
    expect(describeNative().reason).toMatch(new RegExp(`${origin}${slowest} kernels$`));
  });

  it('are those that the processor has by what the system says of it', ({ skip }) => {
    if (process.platform !== 'linux' || process.arch !== 'x64') skip('not told by this system');
    const flags = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))![1]!.split(' ');
    const needs = {
      amx: ['amx_bf16', 'amx_tile', 'avx512f', 'fma'],
      avx512: ['avx512f', 'fma'],
      avx2: ['avx2', 'fma'],
      fma128: ['fma'],
      baseline: [],
    };
    const expected = Object.entries(needs)
      .filter(([, needed]) => needed.every((flag) => flags.includes(flag)))
      .map(([name]) => name);
    expect(nativeInstructionSets()).toEqual(expected);
  });

  it('of an instruction set that is not to be had are refused in one sentence', () => {
    vi.stubEnv('LOCKSTEP_INSTRUCTIONS', 'avx9');
    expect(describeNative).toThrow(UserError);
    expect(describeNative).toThrow(
      `LOCKSTEP_INSTRUCTIONS: expected one of ${nativeInstructionSets().join(', ')} on this processor, got "avx9"`,
    );
  });
});
