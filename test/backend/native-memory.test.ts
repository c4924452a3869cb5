import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { createNativeMemory, describeNative } from '../../src/backend/native.js';
import { packageFile } from '../../src/package-root.js';

const { available, reason } = describeNative();

it.skipIf(!available)(
  `memory for native kernels begins with a cache line${available ? '' : ` (skipped: ${reason})`}`,
  () => {
    const { prepareMemory } = createRequire(import.meta.url)(
      packageFile('build/lockstep.node'),
    ) as { prepareMemory: (memory: Uint8Array) => number };
    const memory = createNativeMemory(10_000);
    expect(memory.length).toBe(10_000);
    // The offset of the next cache line.
    expect(prepareMemory(memory)).toBe(0);
    expect(prepareMemory(memory.subarray(16))).toBe(48);
  },
);
