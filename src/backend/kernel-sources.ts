import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors.js';
import { packageFile } from '../package-root.js';
import { builtFrom } from './built-from.js';

/*
 * Kernels are called by their numbers with bare offsets: of another version they would compute something else, or write
 * where they should not. So the program, the native addon and the WebAssembly beside the sources have to be of the same.
 */

let digest: string | undefined;

/** SHA-256 of all sources in kernels/, as in scripts/kernel-sources.js, which runs before anything is compiled. */
export function kernelDigest(): string {
  digest ??= readDigest();
  return digest;
}

function readDigest(): string {
  const folder = packageFile('kernels');
  const hash = createHash('sha256');
  for (const file of readdirSync(folder).sort()) {
    if (/\.[ch]$/.test(file)) hash.update(`${file}\n`).update(readFileSync(join(folder, file)));
  }
  return hash.digest('hex');
}

/** @throws UserError where the program that runs was compiled beside other kernels than there are now */
export function requireOwnKernels(): void {
  if (builtFrom === undefined || builtFrom === kernelDigest()) return;
  throw new UserError(
    'lockstep was updated since it was built, its kernels are of another version: ' +
      `run \`node scripts/setup.js\` in ${packageFile('.')}, or install the package anew`,
  );
}
