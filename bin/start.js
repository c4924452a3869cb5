import './node-version.js';
import { existsSync } from 'fs';
import * as modules from 'module';

const program = new URL('../dist/src/cli.js', import.meta.url);
const serveProgram = new URL('../dist/src/cli-serve.js', import.meta.url);
const npmShell = new URL('../dist/src/system/npm-shell.js', import.meta.url);

/** Runs a command line, or says how to build the program that would. */
export async function start(argv) {
  if (!existsSync(program)) {
    console.error('lockstep is not built yet: run `node scripts/setup.js` in its folder first.');
    process.exitCode = 1;
    return;
  }
  try {
    await load(argv);
  } catch (error) {
    // What was built before an update lacks what the update brings.
    if (error.code !== 'ERR_MODULE_NOT_FOUND' || !String(error.message).includes('dist'))
      throw error;
    console.error(
      'lockstep is not built whole, or was updated since: run `node scripts/setup.js` in its folder, or install the package anew.',
    );
    process.exitCode = 1;
  }
}

async function load(argv) {
  // What was compiled once is kept in the system's folder for temporary files, where Node can do that.
  modules.enableCompileCache?.();
  // Before the program is loaded, which takes a while: a shell that dies meanwhile would not be missed.
  const { followShellOfNpm } = await import(npmShell.href);
  followShellOfNpm();
  const { main } = await import((argv[0] === 'serve' ? serveProgram : program).href);
  await main(argv);
}
