import { COMMANDS } from './commands/commands.js';
import type { Context } from './commands/context.js';
import type { Library } from './commands/library.js';
import { runCommand, runProgram } from './program.js';

/** Runs one command line, whichever command it is. @returns the exit status */
export function run(argv: readonly string[], context: Context): Promise<number> {
  return runCommand(argv, context, COMMANDS);
}

/** The program: runs the command line in this process and sets its exit status. */
export function main(argv: readonly string[]): Promise<void> {
  return runProgram(argv, COMMANDS, {
    loadLibrary,
    loadModels: () => import('./use/model-file.js'),
  });
}

/** What commands do their work with: loaded by those that do any. */
export async function loadLibrary(): Promise<Library> {
  const [library, { train }, { dryRun }, { averageCheckpoints }, { exportForWeb }] =
    await Promise.all([
      import('./index.js'),
      import('./train/run.js'),
      import('./train/dry-run.js'),
      import('./run/average.js'),
      import('./export/web.js'),
    ]);
  // Without the translation of its messages into the terms of those who call the library.
  return { ...library, train, dryRun, averageCheckpoints, exportForWeb };
}
