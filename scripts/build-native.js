/**
 * Builds kernels/ as a Node-API addon, build/lockstep.node, with the C compiler on the PATH.
 *
 * Runs on `npm install`, for a machine that the package carries no kernels for, or with --build-from-source. It never fails the
 * install: without a compiler, or when it fails, build/native.json says why, and the program uses the WebAssembly kernels and
 * passes the reason on.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { access, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { compileKernels, instructionSets, linkAddon } from './compile-addon.js';
import { kernelDigest } from './kernel-sources.js';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
const build = path.join(root, 'build');
const report = path.join(build, 'native.json');

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

async function compileAll(compiler) {
  // A folder of its own: two installs at the same time must not mix their objects.
  const folder = await mkdtemp(path.join(build, 'objects-'));
  const objects = await compileKernels([compiler], process.arch, folder);
  const undefinedSymbols = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : [];
  const temporary = path.join(folder, 'lockstep.node');
  await linkAddon([compiler], objects, temporary, undefinedSymbols);
  // Renamed, so that a process that has the old one loaded keeps it.
  await rename(temporary, path.join(build, 'lockstep.node'));
  await rm(folder, { recursive: true });
}

/** Whether an installed package has kernels that compute here: a clone is always compiled. */
async function isReady() {
  const fromSource = (process.env['npm_config_build_from_source'] ?? '') !== '';
  if (fromSource || existsSync(path.join(root, 'package-lock.json'))) return false;
  try {
    const { findNativeFile } = await import('../dist/src/backend/native-file.js');
    return 'path' in findNativeFile();
  } catch {
    // Whatever is wrong with the program, what it needs can be compiled.
    return false;
  }
}

async function main() {
  if (await isReady()) return;
  await mkdir(build, { recursive: true });
  const sources = kernelDigest();
  const say = async (built, reason) => {
    // Kernels of an earlier build must not outlive a failure: they may be of other sources.
    if (!built) await rm(path.join(build, 'lockstep.node'), { force: true });
    await writeFile(report, JSON.stringify({ built, reason, sources }) + '\n');
  };
  if (process.platform === 'win32' || !(process.arch in instructionSets)) {
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
