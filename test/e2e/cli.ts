import { spawn, type ChildProcess } from 'node:child_process';
import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
} from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterEach } from 'vitest';
import { packageFile } from '../../src/package-root.js';
import { programName } from '../../src/system/program-name.js';
import { compareTrees, readTree } from './tree.js';

/** The program, in a process of its own or in this one, and what its runs leave on disk. */

export interface Outcome {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface Started {
  child: ChildProcess;
  ended: Promise<Outcome>;
  stderr: () => string;
}

/** That the tests were started by npm is nothing to the program: its hints would name npx. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('npm_')),
);

const program = packageFile('bin/lockstep.js');

const running = new Set<ChildProcess>();
afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
});

/**
 * Starts `lockstep ARGS` in a directory, in a process of its own.
 *
 * @param input what it reads; with `waits` none has come yet
 */
export function start(
  cwd: string,
  args: readonly string[],
  input: string | { waits: true } = '',
): Started {
  requireBuild();
  const child = spawn(process.execPath, [program, ...args], { cwd, env });
  running.add(child);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  // A program that ends early does not read its input.
  child.stdin.on('error', () => undefined);
  if (typeof input === 'string') child.stdin.end(input);
  const ended = new Promise<Outcome>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => {
      running.delete(child);
      resolve({ status, signal, stdout, stderr });
    });
  });
  return { child, ended, stderr: () => stderr };
}

function requireBuild(): void {
  if (existsSync(packageFile('dist/src/cli.js'))) return;
  throw new Error('dist/ is missing: run `node scripts/setup.js` before the tests (npm test does)');
}

/** Runs `lockstep ARGS` with nobody to send it signals in this process, which stands in the directory meanwhile. */
async function runHere(cwd: string, args: readonly string[]): Promise<Outcome> {
  requireBuild();
  // As it was built: to compile src/ for the test would take longer than most commands.
  const { href } = pathToFileURL(packageFile('dist/src/cli.js'));
  const { loadLibrary, run } = (await import(href)) as typeof import('../../src/cli.js');
  const written = { stdout: '', stderr: '' };
  const write = (name: keyof typeof written) =>
    new PassThrough({ encoding: 'utf8' }).on('data', (text: string) => (written[name] += text));
  const home = process.cwd();
  process.chdir(cwd);
  try {
    const status = await run(args, {
      stdout: write('stdout'),
      stderr: write('stderr'),
      program: programName(program, env),
      loadLibrary,
      loadModels: loadLibrary,
      catchSignals: () => ({
        signal: new AbortController().signal,
        status: undefined,
        release: () => undefined,
      }),
      status: 0,
    });
    return { status, signal: null, ...written };
  } finally {
    process.chdir(home);
  }
}

/**
 * Runs a command to its end: in this process, which takes much less time than to start one, or in one of its own
 * where it is given an input. One that is refused must have changed nothing below its directory.
 */
export async function lockstep(cwd: string, args: readonly string[], input?: string) {
  const before = readTree(cwd);
  const outcome = await (input === undefined ? runHere(cwd, args) : start(cwd, args, input).ended);
  if (outcome.status === 1) {
    const changed = compareTrees(before, readTree(cwd));
    if (changed.length > 0) {
      throw new Error(
        `lockstep ${args.join(' ')} was refused and changed ${changed.join(', ')}:\n${outcome.stderr}`,
      );
    }
  }
  return outcome;
}

/** Runs a command that must end well; gives what it printed. */
export async function succeed(cwd: string, args: readonly string[], input?: string) {
  const outcome = await lockstep(cwd, args, input);
  if (outcome.status !== 0) {
    throw new Error(`lockstep ${args.join(' ')}: status ${outcome.status ?? 0}\n${outcome.stderr}`);
  }
  return outcome;
}

/** Waits until something holds, or the process has ended without it. */
export async function until(process: Started, holds: () => boolean): Promise<void> {
  while (!holds()) {
    if (process.child.exitCode !== null || process.child.signalCode !== null) {
      throw new Error(`lockstep ended too early:\n${process.stderr()}`);
    }
    await sleep(5);
  }
}

/** Waits until the log of a run tells of a step. */
export async function untilStep(process: Started, runDir: string, step: number): Promise<void> {
  await until(process, () => newestStep(runDir) >= step);
}

export interface LogLine {
  type: string;
  step?: number;
  best?: unknown;
}

/** Whole lines of a run's metrics.jsonl. */
export function readLog(runDir: string): LogLine[] {
  const file = join(runDir, 'metrics.jsonl');
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as LogLine);
}

export function loggedSteps(runDir: string): number[] {
  return readLog(runDir).flatMap(({ type, step }) => (type === 'step' ? [step!] : []));
}

/** The last step that a run's log tells of, without reading the rest where its end tells it, for those who ask often. */
export function newestStep(runDir: string): number {
  const file = join(runDir, 'metrics.jsonl');
  const key = '"type":"step","step":';
  let log = existsSync(file) ? readEnd(file) : '';
  // Evaluations, or what else is told at length, may be all that is there.
  if (log.length === END && !log.includes(key)) log = readFileSync(file, 'latin1');
  const at = log.lastIndexOf(key);
  return at === -1 ? 0 : Number.parseInt(log.slice(at + key.length), 10);
}

/** Bytes of the end of a log. */
const END = 8192;

function readEnd(file: string): string {
  const log = openSync(file, 'r');
  try {
    const { size } = fstatSync(log);
    const end = Buffer.alloc(Math.min(size, END));
    return end.toString('latin1', 0, readSync(log, end, 0, end.length, size - end.length));
  } finally {
    closeSync(log);
  }
}

export function listCheckpoints(runDir: string): string[] {
  const folder = join(runDir, 'checkpoints');
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}

/** The tensors of a checkpoint, the newest by default, as bytes to compare. */
export function readTensors(runDir: string, name = listCheckpoints(runDir).at(-1)!) {
  const read = (file: string) =>
    readFileSync(join(runDir, 'checkpoints', name, `${file}.safetensors`));
  return { name, model: read('model'), optimizer: read('optimizer') };
}

/** From 1 to `last`. */
export function stepsTo(last: number): number[] {
  return Array.from({ length: last }, (_, i) => i + 1);
}
