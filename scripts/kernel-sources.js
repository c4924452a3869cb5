import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The sources of kernels/ that are compiled once, for one kind of build alone. */
const entries = ['addon.c', 'wasm.c'];

/** The sources of kernels/ that hold kernels: each is compiled once for every instruction set. */
export const kernelSources = readdirSync(fileURLToPath(new URL('../kernels', import.meta.url)))
  .filter((file) => file.endsWith('.c') && !entries.includes(file))
  .map((file) => file.slice(0, -'.c'.length))
  .sort();
