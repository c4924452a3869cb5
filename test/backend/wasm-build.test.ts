import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { evaluate } from '../../src/backend/kernels/probe.js';
import { product } from '../../src/backend/kernels/product.js';
import { KERNELS } from '../../src/backend/kernels/registry.js';
import { createMemory } from '../../src/backend/wasm.js';
import { hasRelaxedSimd } from '../../src/backend/wasm-files.js';
import { packageFile } from '../../src/package-root.js';

/** Why the committed modules cannot be built anew here, or undefined when they can. */
function missingTool(): string | undefined {
  for (const tool of ['clang-16', 'wasm-ld-16']) {
    try {
      execFileSync(tool, ['--version'], { stdio: 'ignore' });
    } catch {
      return `${tool} is not installed (Debian: clang-16 lld-16)`;
    }
  }
  return undefined;
}

const missing = missingTool();

describe('the committed WebAssembly modules', () => {
  if (missing !== undefined) {
    it.skip(`cannot be compared: ${missing}`, () => undefined);
    return;
  }
  const built = mkdtempSync(path.join(tmpdir(), 'lockstep-wasm-test-'));
  afterAll(() => rmSync(built, { recursive: true }));
  execFileSync(process.execPath, [packageFile('scripts/build-wasm.js'), built]);
  const modules = ['lockstep.wasm', 'lockstep-web.wasm'];
  if (hasRelaxedSimd()) modules.push('lockstep-relaxed.wasm');

  it.each(modules)('%s is what the sources give: same interface, same results', (name) => {
    const committed = load(path.join(packageFile('kernels/wasm'), name));
    const rebuilt = load(path.join(built, name));
    expect(Object.keys(rebuilt.exports).sort()).toEqual(Object.keys(committed.exports).sort());
    expect(rebuilt.multiply()).toEqual(committed.multiply());
  });
});

interface Loaded {
  exports: Record<string, unknown>;
  /** Bits of a product of random matrices and, where it is there, of its tanh. */
  multiply(): Int32Array;
}

function load(file: string): Loaded {
  const isForWeb = file.endsWith('-web.wasm');
  const memory = createMemory(8 * 65_536, !isForWeb);
  const module = new WebAssembly.Module(readFileSync(file));
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  (exports['__stack_pointer'] as WebAssembly.Global).value = 2 * 65_536;
  const run = exports['run'] as (kernel: number, args: number) => void;
  const numbers = new Float64Array(memory.buffer);
  const floats = new Float32Array(memory.buffer);
  const [args, a, b, c, out] = [2 * 65_536, 3 * 65_536, 4 * 65_536, 5 * 65_536, 6 * 65_536];
  return {
    exports,
    multiply() {
      // 7 × 32 times 32 × 48, see product_args in kernels/product.c and evaluate_args in kernels/probe.c.
      for (let i = 0; i < 4096; i++) {
        floats[a / 4 + i] = Math.sin(i);
        floats[b / 4 + i] = Math.cos(i * 1.7);
      }
      numbers.set([a, 7 * 16, b, 32 * 16, c, 7 * 16, 0, 2, 3, 0, 0, 7], args / 8);
      run(KERNELS.indexOf(product), args);
      numbers.set([c, out, 2, 336], args / 8);
      const call = (): void => run(KERNELS.indexOf(evaluate), args);
      // Only measuring and training need it.
      if (isForWeb) expect(call).toThrow(WebAssembly.RuntimeError);
      else call();
      return new Int32Array(memory.buffer.slice(c, c + 2 * 65_536));
    },
  };
}
