/**
 * Builds kernels/ as WebAssembly: kernels/wasm/lockstep.wasm (SIMD), lockstep-relaxed.wasm (fused multiply-add), and lockstep-web.wasm
 * for browsers (SIMD, a memory that nobody shares, without what only training needs). All are committed; they are rebuilt with
 * clang 16 and lld 16 (Debian: clang-16 lld-16).
 *
 *   node scripts/build-wasm.js [output folder]
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { kernelSources } from './kernel-sources.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const output = process.argv[2] ?? path.join(root, 'kernels/wasm');
const compile = [
  '--target=wasm32',
  '-std=c11',
  '-O3',
  '-ffp-contract=off',
  '-fno-builtin',
  '-msimd128',
  '-mbulk-memory',
  '-mmutable-globals',
  '-nostdlib',
  '-c',
];
// Memory comes from outside; every thread sets a stack pointer of its own.
const link = [
  '--no-entry',
  '--import-memory',
  '--export=__stack_pointer',
  '--export=__heap_base',
  '--strip-all',
  // The module's own stack serves nobody: every thread gets one elsewhere.
  '-z',
  'stack-size=16384',
];

const threads = { compile: ['-matomics'], link: ['--shared-memory', '--max-memory=4294967296'] };
const alone = { compile: ['-DFORWARD_ONLY'], link: [] };

mkdirSync(output, { recursive: true });
const objects = mkdtempSync(path.join(tmpdir(), 'lockstep-wasm-'));
try {
  for (const [name, flags] of [
    ['lockstep', threads],
    ['lockstep-relaxed', { ...threads, compile: [...threads.compile, '-mrelaxed-simd'] }],
    ['lockstep-web', alone],
  ]) {
    const files = [...kernelSources, 'wasm'].map((source) => {
      const object = path.join(objects, `${name}-${source}.o`);
      const file = path.join(root, 'kernels', `${source}.c`);
      execFileSync('clang-16', [...compile, ...flags.compile, file, '-o', object], {
        stdio: 'inherit',
      });
      return object;
    });
    const wasm = path.join(output, `${name}.wasm`);
    execFileSync('wasm-ld-16', [...link, ...flags.link, ...files, '-o', wasm], {
      stdio: 'inherit',
    });
  }
} finally {
  rmSync(objects, { recursive: true });
}
