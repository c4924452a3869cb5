/**
 * Compiles src/ and workers/ to dist/ with tsc, and shows what tsc says. The entries of threads become bundles: a thread
 * that loads some hundred files, each of its own, takes three times as long to start.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, renameSync, rmSync, utimesSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = path.join(root, 'dist');
// Beside dist and swapped for it, so that no stale file stays and a failure changes nothing.
const fresh = `${dist}.new-${process.pid}`;

const started = new Date();
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const { status } = spawnSync(process.execPath, [tsc, '--noEmitOnError', '--outDir', fresh], {
  cwd: root,
  // To stderr, where setup.js lets messages through.
  stdio: ['ignore', 2, 2],
});
if (status === 0) {
  bundleThreads(path.join(fresh, 'workers'));
  // As old as the sources were read, so that one changed meanwhile is seen as newer.
  utimesSync(fresh, started, started);
  rmSync(dist, { recursive: true, force: true });
  renameSync(fresh, dist);
} else {
  rmSync(fresh, { recursive: true, force: true });
  process.exitCode = 1;
}

/** What a thread loads only where it is asked for stays apart, and so do the packages that are installed beside it. */
function bundleThreads(folder) {
  const entries = readdirSync(folder).filter((name) => name.endsWith('.js'));
  buildSync({
    entryPoints: entries.map((name) => path.join(folder, name)),
    outdir: folder,
    allowOverwrite: true,
    bundle: true,
    splitting: true,
    chunkNames: 'parts/[name]-[hash]',
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'warning',
  });
  for (const name of entries) rmSync(path.join(folder, `${name}.map`));
}
