import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from './errors.js';

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

const packageRoot = findRoot();

/** @throws UserError where this module has been bundled into a file that is not ours: the program and its threads are */
function findRoot(): string {
  // A bundle has its own place, or none where it is CommonJS.
  const { url } = import.meta as { url?: string };
  const own = url === undefined ? '' : fileURLToPath(url);
  const place =
    /^(.*?)(?:[\\/]dist)?[\\/]src[\\/]package-root\.[jt]s$/.exec(own) ??
    /^(.*)[\\/]dist[\\/](?:src|workers|parts)[\\/].*\.js$/.exec(own);
  if (place && existsSync(path.join(place[1]!, 'bin/lockstep.js'))) return place[1]!;
  throw new UserError(
    'lockstep cannot be bundled, since its threads and kernels are files of its own: ' +
      'name it among the packages that your bundler leaves out (with esbuild --external:lockstep)',
  );
}
