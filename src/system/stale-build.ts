import { UserError } from '../errors.js';

/**
 * The sentence about a file of the program itself that is missing where it is loaded: what was built before an update
 * lacks what the update brings. (What is loaded first of all is missed by bin/start.js.) Undefined for other errors.
 */
export function asStaleBuild(error: unknown): UserError | undefined {
  // Not by the code: errors lose it on their way between threads.
  const message = error instanceof Error ? error.message : '';
  if (!/^Cannot find module '[^']*[\\/]dist[\\/](src|workers|parts)[\\/]/.test(message))
    return undefined;
  return new UserError(
    'lockstep is not built whole, or was updated since: run `node scripts/setup.js` in its folder, or install the package anew.',
    { cause: error },
  );
}
