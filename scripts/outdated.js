/** What is built of what, and whether it has to be built anew. Uses Node alone, because it runs before anything is installed. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';

/** What the builds read, by what they leave; a folder is all that is in it. */
export const sourcesOf = {
  'build/native.json': [
    'kernels',
    'scripts/build-native.js',
    'scripts/compile-addon.js',
    'scripts/kernel-sources.js',
  ],
  dist: [
    'src',
    'workers',
    // It carries their digest, and refuses to run beside others.
    'kernels',
    'tsconfig.json',
    'LICENSE',
    // Bundles have packages in them. Not every package manager leaves this file.
    'node_modules/.package-lock.json',
    'scripts/build.js',
    'scripts/build-web.js',
    'scripts/kernel-sources.js',
    'scripts/licences.js',
    'scripts/text-width.cjs',
  ],
};

/** Whether a target is missing, or older than one of its sources. @param root of the package */
export function isOutdated(root, target) {
  const file = path.join(root, target);
  if (!existsSync(file)) return true;
  const built = statSync(file).mtimeMs;
  return sourcesOf[target].some((source) => changedAt(path.join(root, source)) > built);
}

/** Time of the last change to a file, or to anything in a folder, in milliseconds; 0 where there is none. */
function changedAt(place) {
  const status = statSync(place, { throwIfNoEntry: false });
  if (!status) return 0;
  const inside = status.isDirectory() ? readdirSync(place) : [];
  return Math.max(status.mtimeMs, ...inside.map((name) => changedAt(path.join(place, name))));
}
