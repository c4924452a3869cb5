import './node-version.js';
import { existsSync } from 'fs';

const program = new URL('../dist/src/cli.js', import.meta.url);
const npmShell = new URL('../dist/src/system/npm-shell.js', import.meta.url);

/** Runs a command line, or says how to build the program that would. */
export async function start(argv) {
  if (!existsSync(program)) {
    console.error('lockstep is not built yet: run `node scripts/setup.js` in its folder first.');
    process.exitCode = 1;
    return;
  }
  // Before the program is loaded, which takes a while: a shell that dies meanwhile would not be missed.
  const { followShellOfNpm } = await import(npmShell.href);
  followShellOfNpm();
  const { main } = await import(program.href);
  await main(argv);
}
