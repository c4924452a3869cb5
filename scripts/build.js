/** Compiles src/ and workers/ to dist/ with tsc, and shows what tsc says. */
import { spawnSync } from 'node:child_process';
import { renameSync, rmSync, utimesSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

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
  // As old as the sources were read, so that one changed meanwhile is seen as newer.
  utimesSync(fresh, started, started);
  rmSync(dist, { recursive: true, force: true });
  renameSync(fresh, dist);
} else {
  rmSync(fresh, { recursive: true, force: true });
  process.exitCode = 1;
}
