/**
 * Builds kernels/ as a Node-API addon, build/lockstep.node, with the C compiler on the PATH.
 *
 * Runs on `npm install`. It never fails the install: without a compiler, or when it fails, build/native.json
 * says why, and the program uses the WebAssembly kernels and passes the reason on.
 */
import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { kernelDigest, kernelSources } from './kernel-sources.js';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
const build = path.join(root, 'build');
const report = path.join(build, 'native.json');

/** Compiler flags of every instruction set; the addon picks one when it is loaded. */
const instructionSets =
  process.arch === 'x64'
    ? {
        avx512: ['-mavx512f', '-mfma', '-mprefer-vector-width=512'],
        avx2: ['-mavx2', '-mfma'],
        fma128: ['-mfma', '-DLOCKSTEP_VECTOR_128'],
        baseline: [],
      }
    : { neon: [] };
// No contraction: a multiply and an add become one operation only where the source says so.
const common = ['-std=c11', '-O3', '-ffp-contract=off', '-fPIC', '-fvisibility=hidden', '-c'];

async function findCompiler() {
  for (const name of [process.env['CC'], 'cc', 'gcc', 'clang']) {
    if (!name) continue;
    try {
      await run(name, ['--version']);
      return name;
    } catch {
      // Not on the PATH, or no compiler: the next one may be.
    }
  }
  return undefined;
}

/** Runs jobs, as many at once as there are cores. */
async function onAllCores(jobs, perform) {
  let next = 0;
  const worker = async () => {
    while (next < jobs.length) await perform(jobs[next++]);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}

async function compileAll(compiler) {
  const headers = createRequire(import.meta.url)('node-api-headers').include_dir;
  // A folder of its own: two installs at the same time must not mix their objects.
  const objects = await mkdtemp(path.join(build, 'objects-'));
  const jobs = [{ args: ['-I', headers, path.join(root, 'kernels/addon.c')], object: 'addon.o' }];
  const precompiled = [];
  for (const [set, flags] of Object.entries(instructionSets)) {
    const own = [...flags, `-DLOCKSTEP_SUFFIX=${set}`];
    // The compiler's own header of its intrinsics takes it longer than most of the kernels. Where it cannot take a header
    // that it has compiled before, it reads the header.
    const header = path.join(objects, `${set}.h`);
    await writeFile(header, `#include "${path.join(root, 'kernels/simd.h')}"\n`);
    precompiled.push({ args: [...own, '-x', 'c-header', header], object: `${set}.h.gch` });
    for (const source of kernelSources) {
      const file = path.join(root, 'kernels', `${source}.c`);
      jobs.push({ args: [...own, '-include', header, file], object: `${source}-${set}.o` });
    }
  }
  const placeOf = ({ object }) => path.join(objects, object);
  const compile = (job) => run(compiler, [...common, ...job.args, '-o', placeOf(job)]);
  await onAllCores(precompiled, (job) => compile(job).catch(() => undefined));
  await onAllCores(jobs, compile);
  const outputs = jobs.map(placeOf);
  const undefinedSymbols = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : [];
  const temporary = path.join(objects, 'lockstep.node');
  await run(compiler, ['-shared', ...undefinedSymbols, ...outputs, '-o', temporary]);
  // Renamed, so that a process that has the old one loaded keeps it.
  await rename(temporary, path.join(build, 'lockstep.node'));
  await rm(objects, { recursive: true });
}

async function main() {
  await mkdir(build, { recursive: true });
  const sources = kernelDigest();
  const say = async (built, reason) => {
    // Kernels of an earlier build must not outlive a failure: they may be of other sources.
    if (!built) await rm(path.join(build, 'lockstep.node'), { force: true });
    await writeFile(report, JSON.stringify({ built, reason, sources }) + '\n');
  };
  if (process.platform === 'win32' || !['x64', 'arm64'].includes(process.arch)) {
    return say(false, `no native kernels for ${process.platform} on ${process.arch}`);
  }
  const compiler = await findCompiler();
  if (!compiler) return say(false, 'no C compiler was found when the package was installed');
  try {
    await compileAll(compiler);
    await access(path.join(build, 'lockstep.node'));
    await say(true, `built with ${compiler}`);
  } catch (error) {
    const detail = String(error.stderr || error.message);
    const line = detail.split('\n').find((text) => /error/i.test(text)) ?? detail.split('\n')[0];
    await say(false, `the C compiler failed: ${line}`);
  }
}

await main();
