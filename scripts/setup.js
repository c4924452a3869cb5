/**
 * Makes a clone ready to run: installs what package-lock.json asks for, builds the native kernels
 * and compiles TypeScript, each only when it is missing or out of date. Uses Node alone, because it
 * runs before anything is installed.
 */
import '../bin/node-version.js';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { isOutdated } from './outdated.js';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Whether node_modules lacks a package of the lock file, or has another version of it. */
function needsInstall() {
  const installed = path.join(root, 'node_modules/.package-lock.json');
  if (!existsSync(installed)) return true;
  const packagesOf = (file) => JSON.parse(readFileSync(file, 'utf8')).packages;
  const have = packagesOf(installed);
  // Compared by content: a checkout touches the lock file without changing what it asks for.
  return Object.entries(packagesOf(path.join(root, 'package-lock.json'))).some(
    ([place, { version, optional }]) =>
      place !== '' && !(place in have ? have[place].version === version : optional),
  );
}

/** Runs a program. @returns whether it succeeded; what it failed of has been said */
async function run(what, command, ...args) {
  // Standard output is npm pack's, for the name of what it has packed.
  console.error(what);
  const shell = process.platform === 'win32';
  const child = spawn(command, args, { cwd: root, shell, stdio: ['ignore', 'ignore', 'inherit'] });
  const [status, error] = await new Promise((resolve) => {
    child.on('error', (reason) => resolve([1, reason]));
    child.on('close', (code) => resolve([code]));
  });
  if (status === 0) return true;
  console.error(
    error && error.code === 'ENOENT'
      ? `setup: the program ${command} is needed, and not found: install it`
      : `setup: ${[command, ...args].join(' ')} failed${error ? `: ${error.message}` : ''}`,
  );
  return false;
}

// In an installed package there is nothing to install for it, nor anything to compile.
const isClone = existsSync(path.join(root, 'package-lock.json'));

// npm's own install runs `prepare` when packages are there: those for developing, too, where it makes a package of a
// git dependency, but not where it was told to leave them out.
const isInstalling = process.env['npm_lifecycle_event'] === 'prepare';
const compiles =
  isClone && (!isInstalling || existsSync(path.join(root, 'node_modules/typescript-native')));

if (isClone && !isInstalling && needsInstall()) {
  // Development packages too, also where NODE_ENV says production: building needs TypeScript. What npm would build
  // is built below, at the same time as the rest.
  const options = ['--include=dev', '--ignore-scripts', '--loglevel=error'];
  if (!(await run('Installing packages …', 'npm', 'ci', ...options))) process.exit(1);
}
const builds = [];
if (isOutdated(root, 'build/native.json')) {
  builds.push(run('Building the native kernels …', process.execPath, 'scripts/build-native.js'));
}
if (compiles && isOutdated(root, 'dist')) {
  builds.push(run('Compiling …', process.execPath, 'scripts/build.js'));
}
// Whichever fails, the others come to their end: none is to write on behind whoever has called.
if ((await Promise.all(builds)).includes(false)) process.exit(1);
