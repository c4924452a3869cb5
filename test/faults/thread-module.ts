import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { buildSync } from 'esbuild';
import { packageFile } from '../../src/package-root.js';

/**
 * Makes one file of a module beside this one and of all that it imports, as the build does with entries of threads: one
 * that loads some hundred files, each of its own, starts three times as slowly.
 *
 * @param folder where the file goes
 * @returns its path
 */
export function bundleModule(folder: string, name: string): string {
  const outfile = join(folder, `${basename(name, '.js')}.mjs`);
  // It finds the package by where its own file was.
  const url = pathToFileURL(packageFile('dist/src/package-root.js')).href;
  buildSync({
    entryPoints: [fileURLToPath(new URL(name, import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    define: { 'import.meta': JSON.stringify({ url }) },
  });
  return outfile;
}

/**
 * Writes an entry of threads that run what a function of a bundled module returns.
 *
 * @param call the function with its arguments, as `joinPlanned("folder", [])`
 * @returns the entry's path, which is `file`
 */
export function writeEntry(file: string, bundle: string, call: string): string {
  const module = JSON.stringify(pathToFileURL(bundle).href);
  writeFileSync(file, `import * as faults from ${module};\nexport default faults.${call};\n`);
  return file;
}
