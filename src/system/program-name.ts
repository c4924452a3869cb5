import path from 'node:path';
import { shellWord } from './shell-word.js';

/**
 * The command that starts this program where the user stands, for hints that can be copied: `lockstep`, `npx lockstep`
 * or `node bin/lockstep.js`.
 *
 * @param script what was started: `process.argv[1]`
 */
export function programName(
  script: string,
  env: NodeJS.ProcessEnv = process.env,
  cwd = process.cwd(),
): string {
  if (env['npm_command'] === 'exec') return 'npx lockstep';
  const folder = path.dirname(script);
  const isSource = script.endsWith('.js');
  const beside = path.join(folder, isSource ? 'lockstep.js' : 'lockstep');
  const near = path.relative(cwd, beside);
  const place = shellWord(near.startsWith('..') ? beside : near);
  if (isSource) return isOwnScript(folder, env) ? 'npx lockstep' : `node ${place}`;
  if (env['npm_lifecycle_event'] !== undefined) return 'npx lockstep';
  const isOnPath = (env['PATH'] ?? '').split(path.delimiter).includes(folder);
  return isOnPath ? 'lockstep' : place;
}

/** Whether a script of this clone has started the program, as `npm run quickstart` does: there npx finds it. */
function isOwnScript(folder: string, env: NodeJS.ProcessEnv): boolean {
  return env['npm_package_json'] === path.join(folder, '..', 'package.json');
}
