import type { Context } from './context.js';
import type { Command } from './define.js';

/** What loads each command, by its name. */
export type Commands = Readonly<Record<string, (context: Context) => Promise<Command>>>;

/** All of them, in the order in which help tells of them: whoever asks for one need not wait for the others. */
export const COMMANDS: Commands = {
  init: async (context) => (await import('./init.js')).initCommand(context),
  train: async (context) => (await import('./train.js')).trainCommand(context),
  evaluate: async (context) => (await import('./evaluate.js')).evaluateCommand(context),
  predict: async (context) => (await import('./predict.js')).predictCommand(context),
  translate: async (context) => (await import('./translate.js')).translateCommand(context),
  score: async (context) => (await import('./score.js')).scoreCommand(context),
  generate: async (context) => (await import('./generate.js')).generateCommand(context),
  serve: async (context) => (await import('./serve.js')).serveCommand(context),
  board: async (context) => (await import('./board.js')).boardCommand(context),
  average: async (context) => (await import('./average.js')).averageCommand(context),
  export: async (context) => (await import('./export.js')).exportCommand(context),
  inspect: async (context) => (await import('./inspect.js')).inspectCommand(context),
  prepare: async (context) => (await import('./prepare.js')).prepareCommand(context),
  doctor: async (context) => (await import('./doctor.js')).doctorCommand(context),
  schema: async (context) => (await import('./schema.js')).schemaCommand(context),
  bench: async (context) => (await import('./bench.js')).benchCommand(context),
};
