import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../kernels', import.meta.url));

/** The sources of kernels/ that are compiled once, for one kind of build alone. */
const entries = ['addon.c', 'wasm.c'];

/** The sources of kernels/ that hold kernels: each is compiled once for every instruction set. */
export const kernelSources = readdirSync(folder)
  .filter((file) => file.endsWith('.c') && !entries.includes(file))
  .map((file) => file.slice(0, -'.c'.length))
  .sort();

/** SHA-256 of all sources: the program takes no kernels of others (src/backend/kernel-sources.ts). */
export function kernelDigest() {
  const hash = createHash('sha256');
  for (const file of readdirSync(folder).sort()) {
    if (/\.[ch]$/.test(file))
      hash.update(`${file}\n`).update(readFileSync(path.join(folder, file)));
  }
  return hash.digest('hex');
}
