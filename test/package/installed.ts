import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { packageFile } from '../../src/package-root.js';

/** The package as `npm pack` makes it, installed in a folder of its own beside nothing but what it depends on. */
export interface Installed {
  /** Where a user's program would lie. */
  readonly folder: string;
  /** Paths within the package. */
  readonly files: readonly string[];
  /** Runs a program there; the program's own path comes first where it is no node script. */
  run(...command: string[]): { status: number | null; stdout: string; stderr: string };
  remove(): void;
}

/** @param withPrebuilds whether with the native kernels that the package carries, where they have been built */
export function installPackage({ withPrebuilds = false } = {}): Installed {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-package-'));
  const run = (cwd: string, [command, ...args]: string[]) => {
    const { status, stdout, stderr } = spawnSync(command!, args, { cwd, encoding: 'utf8' });
    return { status, stdout, stderr };
  };
  // What prepack would do is done: dist/ was built for the tests.
  const packed = run(packageFile('.'), [
    ...['npm', 'pack', '--json', '--ignore-scripts', '--pack-destination', folder],
  ]);
  const [{ filename, files }] = JSON.parse(packed.stdout) as [
    { filename: string; files: { path: string }[] },
  ];
  const target = join(folder, 'node_modules', 'lockstep');
  mkdirSync(target, { recursive: true });
  const unpacked = run(folder, ['tar', '-xzf', filename, '--strip-components=1', '-C', target]);
  if (unpacked.status !== 0) throw new Error(`tar: ${unpacked.stderr}`);
  if (!withPrebuilds) rmSync(join(target, 'prebuilds'), { recursive: true, force: true });
  for (const place of listDependencies()) {
    mkdirSync(dirname(join(folder, place)), { recursive: true });
    symlinkSync(packageFile(place), join(folder, place));
  }
  return {
    folder,
    files: files.map(({ path }) => path),
    run: (...command) => run(folder, command),
    remove: () => rmSync(folder, { recursive: true }),
  };
}

/** Places of the packages that come with ours, as the lock file has them; those for developing it are left out. */
function listDependencies(): string[] {
  const { packages } = JSON.parse(readFileSync(packageFile('package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean }>;
  };
  return Object.entries(packages)
    .filter(([place, { dev = false }]) => place !== '' && !dev && existsSync(packageFile(place)))
    .map(([place]) => place)
    .filter((place) => place.lastIndexOf('node_modules/') === 0);
}
