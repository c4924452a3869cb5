import { spawnSync } from 'node:child_process';
import { packageFile } from '../src/package-root.js';
import { isOutdated } from '../scripts/outdated.js';

/** Before the first test: tests use what src/ is compiled to (vitest.config.ts), which must be of its present files. */
export default function build(): void {
  if (!isOutdated(packageFile('.'), 'dist')) return;
  const { status } = spawnSync(process.execPath, [packageFile('scripts/build.js')], {
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error('src/ does not compile: there is nothing to test');
}
