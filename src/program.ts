import yargs from 'yargs';
import { config as configureZod } from 'zod';
import type { CaughtSignals, Context } from './commands/context.js';
import type { Commands } from './commands/commands.js';
import { findNearest } from './config/nearest.js';
import { UserError } from './errors.js';
import { packageVersion } from './package-root.js';
import { printable, printableLine } from './system/printable.js';
import { shellWord } from './system/shell-word.js';
import { programName } from './system/program-name.js';
import { asUserError } from './system/system-errors.js';

/** Exit status after an error that is nobody's fault but ours (EX_SOFTWARE of sysexits.h). */
const STATUS_BUG = 70;

/** What yargs is given for a lone dash, standard input, which among positionals it would drop; no argument of a process has a NUL. */
const DASH = '\0-';

/** Stands for `--`: yargs gives what stands behind that to nobody. */
const FILES_FOLLOW = 'files-follow';

/**
 * Runs one command line and gives the exit status: 0 done, 1 an error that the user can mend,
 * 129, 130 or 143 a run that SIGHUP, SIGINT or SIGTERM stopped, 70 a bug.
 * @param argv without node and the script's name
 */
export async function runCommand(
  argv: readonly string[],
  context: Context,
  commands: Commands,
): Promise<number> {
  try {
    await parse(argv, context, commands);
    return context.status;
  } catch (error) {
    // The reader of our output has gone; nothing is wrong and nobody would read about it.
    if (isBrokenPipe(error)) return 0;
    return report(error, argv, context.stderr);
  }
}

async function parse(argv: readonly string[], context: Context, commands: Commands): Promise<void> {
  const [name = ''] = argv;
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  const asked = await load?.(context);
  // Where none of them is asked for, all are told of.
  const told = asked
    ? [asked]
    : await Promise.all(Object.values(commands).map((each) => each(context)));
  const parser = yargs()
    .scriptName('lockstep')
    .usage('$0 <command>\n\nTrains LSTM networks on all cores of a machine.')
    .locale('en')
    .parserConfiguration({ 'dot-notation': false, 'parse-numbers': false })
    .command(told)
    .completion('completion', 'Prints a script that has bash or zsh complete commands and options')
    .option('verbose', {
      type: 'boolean',
      default: false,
      describe: 'Shows where in the program an unexpected error arose',
    })
    .option(FILES_FOLLOW, { type: 'boolean', hidden: true })
    .version(packageVersion())
    .middleware(restoreDashes, true)
    .demandCommand(1, 'Expected a command')
    .strict()
    .recommendCommands()
    .wrap(100)
    .exitProcess(false)
    .fail((message: string | null, error: Error | undefined) => {
      if (error !== undefined && error.name !== 'YError') throw error;
      const said = (message ?? error?.message ?? '').replaceAll(DASH, '-');
      const sentence = describeMisuse(said, argv, asked?.optionNames);
      const help =
        asked === undefined ? `${context.program} --help` : `${context.program} ${name} --help`;
      throw new UserError(`${sentence}; see ${help}`);
    });
  keepNoHelp(parser);
  const words = hideDashes(argv);
  // With a callback, yargs hands over what it would otherwise print (help and version).
  const parsed = parser.parseAsync(words, {}, (_error, _args, output) => {
    if (output !== '') context.stdout.write(`${output}\n`);
  });
  await parsed.catch((error: unknown) => {
    if (!(error instanceof UserError) || !error.message.includes(DASH)) throw error;
    throw new UserError(error.message.replaceAll(DASH, '-'));
  });
}

/** Has yargs not lay out its help behind the back of every command, in case that one asked for it, which takes as long as to read a model. */
function keepNoHelp(parser: object): void {
  const { getInternalMethods } = parser as {
    getInternalMethods: () => { getUsageInstance: () => { cacheHelpMessage: () => void } };
  };
  getInternalMethods.call(parser).getUsageInstance().cacheHelpMessage = () => undefined;
}

/** Lone dashes, and words behind two of them, whatever they begin with, are no options; nor are the latter values of one before. */
function hideDashes(argv: readonly string[]): string[] {
  const end = argv.indexOf('--');
  return argv.map((word, place) => {
    if (place === end) return `--${FILES_FOLLOW}=true`;
    if (end >= 0 && place > end) return word.replace(/^-/, DASH);
    return word === '-' ? DASH : word;
  });
}

/** Puts dashes back where yargs has found places for them. */
function restoreDashes(args: Record<string, unknown>): void {
  const restore = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(restore);
    return typeof value === 'string' ? value.replace(DASH, '-') : value;
  };
  for (const [name, value] of Object.entries(args)) args[name] = restore(value);
}

/** One sentence out of what yargs says of a command line. */
function describeMisuse(
  message: string,
  argv: readonly string[],
  optionNames: readonly string[] = [],
): string {
  if (message.startsWith('Did you mean ')) {
    return `Unknown command ${argv[0]!}; ${message.charAt(0).toLowerCase()}${message.slice(1)}`;
  }
  const starved = /^Not enough arguments following: (.*)$/m.exec(message)?.[1];
  if (starved !== undefined) {
    const next = argv[argv.indexOf(`--${starved}`) + 1];
    const form = next?.startsWith('-')
      ? `; one that begins with a dash is written --${starved}=${shellWord(next)}`
      : '';
    return `--${starved}: expected a value behind it${form}`;
  }
  const unknown = /^Unknown (?:argument|command)s?: (.*)$/m.exec(message);
  if (unknown !== null) {
    // yargs also lists the camelCase twin of every option.
    const name = unknown[1]!.split(', ')[0]!;
    if (argv.includes(name)) return `Unknown ${name === argv[0] ? 'command' : 'argument'} ${name}`;
    // There are no options of one letter.
    const dashed = argv.find((each) => /^-[^-]./.test(each) && each.slice(1).startsWith(name));
    if (dashed !== undefined) {
      return `Unknown option ${dashed}; a file of that name is written ./${dashed}`;
    }
    return describeUnknownOption(name, optionNames);
  }
  if (message.startsWith('Missing required argument')) {
    // What is missing may be there under a name that is none.
    const wrong = findUnknownOption(argv, optionNames);
    if (wrong !== undefined) return describeUnknownOption(wrong, optionNames);
  }
  return message.trim().replaceAll(/\s+/g, ' ');
}

function describeUnknownOption(name: string, optionNames: readonly string[]): string {
  const near = findNearest(name, optionNames);
  return `Unknown option --${name}${near === undefined ? '' : `; did you mean --${near}?`}`;
}

/** The first option of a command line that there is none of, by its name. */
function findUnknownOption(
  argv: readonly string[],
  optionNames: readonly string[],
): string | undefined {
  const plain = (name: string): string => name.replaceAll('-', '').toLowerCase();
  const known = [...optionNames, 'verbose', 'help', 'version'].map(plain);
  const end = argv.indexOf('--');
  return argv
    .slice(0, end < 0 ? undefined : end)
    .flatMap((word) => /^--([^=]+)/.exec(word)?.[1] ?? [])
    .find(
      (name) => !known.includes(plain(name)) && !known.includes(plain(name.slice('no-'.length))),
    );
}

/** Prints what went wrong and gives the exit status. */
function report(error: unknown, argv: readonly string[], stderr: Context['stderr']): number {
  const known = error instanceof UserError ? error : asUserError(error);
  stderr.write(
    known
      ? known.sentences.map((sentence) => `${printableLine(sentence)}\n`).join('')
      : printable(describeBug(error, argv.includes('--verbose'))),
  );
  return known ? 1 : STATUS_BUG;
}

function describeBug(error: unknown, verbose: boolean): string {
  const [line, stack] =
    error instanceof Error ? [error.message, error.stack ?? ''] : [String(error), ''];
  return verbose
    ? `${stack || line}\nThis is a bug in lockstep.\n`
    : `${line.split('\n')[0]!}\nThis is a bug in lockstep; --verbose shows where it arose.\n`;
}

function isBrokenPipe(error: unknown): boolean {
  return codeOf(error) === 'EPIPE';
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

/** The program: runs the command line in this process and sets its exit status. */
export async function runProgram(
  argv: readonly string[],
  commands: Commands,
  loaders: Pick<Context, 'loadLibrary' | 'loadModels'>,
): Promise<void> {
  // What is checked once is checked sooner than compiled into functions that would check it faster.
  configureZod({ jitless: true });
  process.stdout.on('error', (error) => {
    if (isBrokenPipe(error)) process.exit(0);
    process.stderr.write(`Standard output cannot be written (${codeOf(error)})\n`);
    process.exit(1);
  });
  // Nobody sees progress any more, once a terminal is closed; the work goes on.
  process.stderr.on('error', () => undefined);
  process.on('uncaughtException', (error) => {
    process.exit(report(error, argv, process.stderr));
  });
  const context: Context = {
    stdout: process.stdout,
    stderr: process.stderr,
    program: programName(process.argv[1] ?? 'lockstep'),
    ...loaders,
    catchSignals,
    status: 0,
  };
  // Not process.exit: what is still in the pipe to our reader must get there.
  process.exitCode = await runCommand(argv, context, commands);
}

const SIGNAL_STATUS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

function catchSignals(onFirst: () => boolean): CaughtSignals {
  const abort = new AbortController();
  let status: number | undefined;
  const receive = (name: NodeJS.Signals) => {
    const number = SIGNAL_STATUS[name as keyof typeof SIGNAL_STATUS];
    if (status !== undefined) process.exit(number);
    status = number;
    if (!onFirst()) process.exit(number);
    abort.abort();
  };
  for (const name of Object.keys(SIGNAL_STATUS)) process.on(name, receive);
  return {
    signal: abort.signal,
    get status() {
      return status;
    },
    release: () => {
      for (const name of Object.keys(SIGNAL_STATUS)) process.off(name, receive);
    },
  };
}
