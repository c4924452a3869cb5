/** How kernels/ become a Node-API addon that holds every instruction set of an architecture. */
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { kernelSources } from './kernel-sources.js';

const execute = promisify(execFile);
const kernels = fileURLToPath(new URL('../kernels', import.meta.url));

/** Compiler flags of every instruction set of an architecture, by Node's name; the addon picks one when it is loaded. */
export const instructionSets = {
  x64: {
    avx512: ['-mavx512f', '-mfma', '-mprefer-vector-width=512'],
    avx2: ['-mavx2', '-mfma'],
    fma128: ['-mfma', '-DLOCKSTEP_VECTOR_128'],
    baseline: [],
  },
  arm64: { neon: [] },
};
// No contraction: a multiply and an add become one operation only where the source says so.
const common = ['-std=c11', '-O3', '-ffp-contract=off', '-fPIC', '-fvisibility=hidden'];

/** Runs a program with more arguments behind its own. */
const run = ([program, ...own], args) => execute(program, [...own, ...args]);

/** Runs jobs, as many at once as there are cores. */
async function onAllCores(jobs, perform) {
  let next = 0;
  const worker = async () => {
    while (next < jobs.length) await perform(jobs[next++]);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}

/**
 * Compiles the kernels for all instruction sets of an architecture.
 *
 * @param compiler a C compiler: its program and arguments of its own
 * @param folder for the objects: nothing else is in it
 * @param names how the compiler wants a header named that it has compiled before, and asked for
 * @returns the objects, in one order on every machine
 */
export async function compileKernels(compiler, arch, folder, names = gccNames) {
  await mkdir(folder, { recursive: true });
  const jobs = [];
  const precompiled = [];
  for (const [set, flags] of Object.entries(instructionSets[arch])) {
    const own = [...common, ...flags, `-DLOCKSTEP_SUFFIX=${set}`];
    // The compiler's own header of its intrinsics takes it longer than most of the kernels. Where it cannot take a header
    // that it has compiled before, it reads the header.
    const header = path.join(folder, `${set}.h`);
    await writeFile(header, `#include "${path.join(kernels, 'simd.h')}"\n`);
    const { compiled, include } = names(header);
    precompiled.push({ args: [...own, '-x', 'c-header', header], object: compiled });
    for (const source of kernelSources) {
      const file = path.join(kernels, `${source}.c`);
      const object = path.join(folder, `${source}-${set}.o`);
      jobs.push({ args: [...own, ...include, '-c', file], object });
    }
  }
  const compile = ({ args, object }) => run(compiler, [...args, '-o', object]);
  await onAllCores(precompiled, (job) => compile(job).catch(() => undefined));
  await onAllCores(jobs, compile);
  return jobs.map(({ object }) => object);
}

/** GCC takes a compiled header that lies beside the one that is asked for. */
const gccNames = (header) => ({ compiled: `${header}.gch`, include: ['-include', header] });

/** Clang is told of the compiled header itself. */
export const clangNames = (header) => ({
  compiled: `${header}.pch`,
  include: ['-include-pch', `${header}.pch`],
});

/**
 * Puts the kernels and what Node calls into one file.
 *
 * @param objects of `compileKernels`
 * @param flags of the linker
 */
export async function linkAddon(compiler, objects, output, flags = []) {
  const headers = createRequire(import.meta.url)('node-api-headers').include_dir;
  const addon = `${output}.o`;
  await run(compiler, [
    ...[...common, '-I', headers, '-c', path.join(kernels, 'addon.c')],
    ...['-o', addon],
  ]);
  await run(compiler, ['-shared', ...flags, addon, ...objects, '-o', output]);
}
