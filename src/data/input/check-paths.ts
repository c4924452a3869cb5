import { describeValue } from '../../config/expectation.js';
import { UserError } from '../../errors.js';

/**
 * Callers in JavaScript have no compiler to tell them what they got wrong.
 *
 * @throws UserError when it is no list of paths
 */
export function checkPaths(caller: string, paths: unknown): void {
  const wrong = !Array.isArray(paths) || paths.length === 0;
  const each: unknown[] = wrong ? [paths] : paths;
  const fault = wrong ? 0 : each.findIndex((path) => typeof path !== 'string' || path === '');
  if (fault < 0) return;
  throw new UserError(
    `${caller}: expected a list of files or patterns, got ${wrong ? '' : 'in it '}${describeValue(each[fault])}`,
  );
}
