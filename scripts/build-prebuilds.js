/**
 * Builds the native kernels that the package carries for machines without a compiler: prebuilds/linux-ARCH/lockstep.LIBC.node, named
 * as node-gyp-build looks for them, and prebuilds/manifest.json, which says of which sources they are and what their digests are.
 * Zig brings a C compiler and the C libraries' interfaces for all of them, in one version: the same sources give the same bytes
 * wherever they are compiled.
 *
 *   node scripts/build-prebuilds.js [output folder] [architecture …]
 *
 * Runs before `npm pack`. Without Zig the package is made without them, but not published.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { clangNames, compileKernels, linkAddon } from './compile-addon.js';
import { kernelDigest } from './kernel-sources.js';

const ZIG_VERSION = '0.17.1';
const root = fileURLToPath(new URL('..', import.meta.url));

/** By Node's names of architectures; glibc's is the oldest that is to do. */
const targets = {
  x64: { glibc: 'x86_64-linux-gnu.2.28', musl: 'x86_64-linux-musl' },
  arm64: { glibc: 'aarch64-linux-gnu.2.28', musl: 'aarch64-linux-musl' },
};

const sha256 = (content) => createHash('sha256').update(content).digest('hex');

/** What the files follow from: sources, compiler and how it is called. */
const recipe = {
  sources: kernelDigest(),
  compiler: `zig ${ZIG_VERSION}`,
  scripts: sha256(
    ['build-prebuilds.js', 'compile-addon.js']
      .map((name) => readFileSync(path.join(root, 'scripts', name)))
      .join('\n'),
  ),
};

/** The Zig of the right version: from the folder that the advice below names, of Python, or on the PATH. */
function findZig() {
  const ofPython = () =>
    execFileSync(
      'python3',
      ['-c', 'import os, ziglang; print(os.path.dirname(ziglang.__file__))'],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
    ).trim();
  const places = [
    () => path.join(root, 'build/zig/ziglang/zig'),
    () => path.join(ofPython(), 'zig'),
    () => 'zig',
  ];
  return places
    .map((place) => {
      try {
        const zig = place();
        const version = execFileSync(zig, ['version'], { encoding: 'utf8', stdio: 'pipe' });
        return version.trim() === ZIG_VERSION ? zig : undefined;
      } catch {
        // Not there: the next one may be.
        return undefined;
      }
    })
    .find((zig) => zig !== undefined);
}

/** Whether a folder holds what would be built. */
function isCurrent(folder) {
  const manifest = path.join(folder, 'manifest.json');
  if (!existsSync(manifest)) return false;
  const { files, ...made } = JSON.parse(readFileSync(manifest, 'utf8'));
  return (
    JSON.stringify(made) === JSON.stringify(recipe) &&
    Object.entries(files).every(([name, digest]) => {
      const file = path.join(folder, path.relative('prebuilds', name));
      return existsSync(file) && sha256(readFileSync(file)) === digest;
    })
  );
}

async function build(zig, folder, architectures) {
  const work = mkdtempSync(path.join(tmpdir(), 'lockstep-prebuilds-'));
  // Nothing that was compiled for others, nor anything that stays behind.
  process.env['ZIG_GLOBAL_CACHE_DIR'] = process.env['ZIG_LOCAL_CACHE_DIR'] = path.join(work, 'zig');
  const fresh = `${folder}.new-${process.pid}`;
  const files = {};
  try {
    for (const arch of architectures) {
      // Frame pointers would take up a register; what is left beside the code would have paths of this machine.
      const compilerFor = (target) => [zig, 'cc', '-target', target, '-fomit-frame-pointer', '-g0'];
      // The kernels call nothing of a C library that is not the same in both.
      const objects = await compileKernels(
        compilerFor(targets[arch].glibc),
        arch,
        path.join(work, arch),
        clangNames,
      );
      mkdirSync(path.join(fresh, `linux-${arch}`), { recursive: true });
      for (const [libc, target] of Object.entries(targets[arch])) {
        const name = `linux-${arch}/lockstep.${libc}.node`;
        const linked = path.join(work, 'lockstep.node');
        await linkAddon(compilerFor(target), objects, linked, ['-s']);
        const content = readFileSync(linked);
        writeFileSync(path.join(fresh, name), content);
        files[`prebuilds/${name}`] = sha256(content);
      }
    }
    writeFileSync(
      path.join(fresh, 'manifest.json'),
      JSON.stringify({ ...recipe, files }, null, 2) + '\n',
    );
    rmSync(folder, { recursive: true, force: true });
    renameSync(fresh, folder);
  } finally {
    rmSync(work, { recursive: true });
    rmSync(fresh, { recursive: true, force: true });
  }
}

async function main(folder = path.join(root, 'prebuilds'), ...architectures) {
  if (isCurrent(folder)) return;
  const zig = findZig();
  if (zig !== undefined) {
    // Standard output is npm pack's, for the name of what it has packed.
    console.error('Building the native kernels that the package carries …');
    const all = architectures.length === 0 ? Object.keys(targets) : architectures;
    return build(zig, folder, all);
  }
  rmSync(folder, { recursive: true, force: true });
  console.error(
    `the package will carry no native kernels, since Zig ${ZIG_VERSION} is not here to build them: ` +
      `\`python3 -m pip install --target build/zig ziglang==${ZIG_VERSION}\` in ${root} brings it`,
  );
  if (process.env['npm_command'] === 'publish') process.exitCode = 1;
}

await main(...process.argv.slice(2));
