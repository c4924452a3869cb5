import type {
  ArgumentsCamelCase,
  CommandModule,
  InferredOptionTypes,
  Options,
  PositionalOptions,
} from 'yargs';
import { UserError } from '../errors.js';
import { expectOnce } from './options/options.js';

/** A command as yargs takes it, together with the names of its options for spelling hints. */
export interface Command extends CommandModule {
  readonly optionNames: readonly string[];
}

/**
 * Makes a command out of its options.
 * @param definition.command name and positionals in yargs's notation: `evaluate <run>`
 */
export function defineCommand<
  Positionals extends Record<string, PositionalOptions>,
  Named extends Record<string, Options>,
>(definition: {
  command: string;
  describe: string;
  positionals: Positionals;
  options: Named;
  /** Options whose value may be a text of no characters. */
  mayBeEmpty?: readonly (keyof Named)[];
  run: (
    args: ArgumentsCamelCase<InferredOptionTypes<Positionals> & InferredOptionTypes<Named>>,
  ) => Promise<void>;
}): Command {
  const { command, describe, positionals, options, mayBeEmpty = [], run } = definition;
  return {
    command,
    describe,
    optionNames: Object.keys(options),
    builder: (yargs) => {
      for (const [name, positional] of Object.entries(positionals)) {
        yargs.positional(name, positional);
      }
      return yargs.options(options);
    },
    handler: (args) => {
      refuseRepeated(args, options);
      refuseEmpty(args, Object.keys(positionals), (name) => `<${name}>`);
      const filled = Object.keys(options).filter((name) => !mayBeEmpty.includes(name));
      refuseEmpty(args, filled, (name) => `--${name}`);
      // As yargs has been told that they are.
      return run(args as never);
    },
  };
}

/** A variable of a shell that is empty, most likely. */
function refuseEmpty(
  args: Record<string, unknown>,
  names: readonly string[],
  label: (name: string) => string,
): void {
  for (const name of names) {
    const given = args[name];
    if (given !== '' && !(Array.isArray(given) && given.includes(''))) continue;
    throw new UserError(`${label(name)}: expected a value, got ""`);
  }
}

/** Only some options are lists. */
function refuseRepeated(args: Record<string, unknown>, options: Record<string, Options>): void {
  for (const [name, option] of Object.entries(options)) {
    if (option.array !== true) expectOnce(name, args[name]);
  }
}
