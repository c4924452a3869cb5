import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { runPeer } from '../../src/commands/bench.js';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-peer-'));
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

test('PyTorch is that of the python3 that PATH finds first, as a virtual environment puts it there', async () => {
  const result = { case: 'keras-seed', bestTokensPerSecond: 1, stepMs: {} };
  const python = join(folder, 'python3');
  vi.stubEnv('PATH', `${folder}${delimiter}${process.env['PATH'] ?? ''}`);
  writeFileSync(python, `#!/bin/sh\necho '${JSON.stringify(result)}'\n`);
  chmodSync(python, 0o755);
  expect(await runPeer('keras-seed')).toEqual(result);
  writeFileSync(python, '#!/bin/sh\nexit 1\n');
  await expect(runPeer('keras-seed')).rejects.toThrow(
    /expected it in the python3 that PATH finds; activate the virtual environment that has it, or install it for that python3/,
  );
});
