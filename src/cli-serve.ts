import { serveCommand } from './commands/serve.js';
import { runProgram } from './program.js';
import * as models from './use/model-file.js';

/** The program where its command is `serve`: in one file without the others, which is there sooner. */
export function main(argv: readonly string[]): Promise<void> {
  return runProgram(
    argv,
    { serve: (context) => Promise.resolve(serveCommand(context)) },
    {
      loadLibrary: () => Promise.reject(new Error('serve asks for nothing but models')),
      loadModels: () => Promise.resolve(models),
    },
  );
}
