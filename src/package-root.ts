import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Absolute path of a file of this package, from the sources (tests) as well as from dist/.
 *
 * @param file path relative to the folder of package.json
 */
export function packageFile(file: string): string {
  return path.join(packageRoot, file);
}

/** Version of lockstep, as package.json has it. */
export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as {
    version: string;
  };
  return version;
}

const packageRoot = findRoot(path.dirname(fileURLToPath(import.meta.url)));

function findRoot(directory: string): string {
  if (existsSync(path.join(directory, 'package.json'))) return directory;
  const parent = path.dirname(directory);
  if (parent === directory) throw new Error('lockstep is not inside a package');
  return findRoot(parent);
}
