import { spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Precision } from '../backend/backend.js';
import { UserError } from '../errors.js';
import { packageFile } from '../package-root.js';
import type { Contender } from './turns.js';

/** In which PyTorch trains a case. */
export const PEER_WAYS = ['oneThread', 'allThreads', 'processes'] as const;
export type PeerWay = (typeof PEER_WAYS)[number];

/** A Python that has PyTorch. */
export interface Peer {
  /** The program that is started. */
  python: string;
  /** Of PyTorch. */
  version: string;
}

const FIRST_VERSION = 2;

/**
 * Finds the newest PyTorch of the Pythons that it is told of.
 *
 * @param told programs, as a shell would find them, or folders of virtual environments; `python` stands for python3 too
 * @throws UserError when none has PyTorch 2 or later: what each of them lacks
 */
export async function findPeer(told: readonly string[]): Promise<Peer> {
  const peers: Peer[] = [];
  const faults: string[] = [];
  for (const name of told) {
    const python = programOf(name);
    try {
      const version = await askVersion(python);
      if (Number.parseInt(version) >= FIRST_VERSION) peers.push({ python, version });
      else faults.push(`${python} has PyTorch ${version}`);
    } catch (error) {
      faults.push((error as Error).message);
    }
  }
  const newest = peers.sort((a, b) => compareVersions(b.version, a.version))[0];
  if (newest) return newest;
  throw new UserError(
    `bench --peer: PyTorch ${FIRST_VERSION} or later is needed, but ${faults.join(', ')}; ` +
      'name a Python that has it, or the folder of a virtual environment',
  );
}

function programOf(name: string): string {
  if (existsSync(name) && statSync(name).isDirectory()) return join(name, 'bin', 'python');
  return name === 'python' ? 'python3' : name;
}

function compareVersions(one: string, other: string): number {
  return one.localeCompare(other, 'en', { numeric: true });
}

function askVersion(python: string): Promise<string> {
  const child = spawn(python, ['-W', 'ignore', '-c', 'import torch; print(torch.__version__)'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return new Promise((resolve, reject) => {
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.once('error', ({ message }) =>
      reject(new Error(`${python} cannot be started (${message})`)),
    );
    child.once('close', (code) => {
      if (code === 0 && said.trim() !== '') resolve(said.trim());
      else reject(new Error(`${python} has no PyTorch that can be loaded`));
    });
  });
}

/**
 * Starts PyTorch on a case, in one of its ways (scripts/pytorch_bench.py). It trains in its turns alone.
 *
 * @param precision of its products: with bfloat16 it trains under autocast
 * @throws UserError when PyTorch fails
 */
export async function openPeer(
  { python }: Peer,
  name: string,
  way: PeerWay,
  precision: Precision,
): Promise<Contender> {
  const child = spawn(
    python,
    [
      ...['-W', 'ignore', packageFile('scripts/pytorch_bench.py'), name, '--way', way],
      ...['--cores', String(availableParallelism()), '--precision', precision],
    ],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-4096);
  });
  // Whoever ends while it is written to is found out by the answer that does not come.
  child.stdin.on('error', () => undefined);
  const ended = new Promise<string | undefined>((resolve) => {
    child.once('error', ({ message }) => resolve(message));
    child.once('close', () => resolve(complaint.trimEnd().split('\n').at(-1)));
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (): Promise<Record<string, unknown>> => {
    const line = await lines.next();
    try {
      return JSON.parse(String(line.value)) as Record<string, unknown>;
    } catch {
      child.kill();
      const last = line.done ? await ended : line.value;
      throw new UserError(
        `bench --peer: PyTorch of ${python} failed on ${name} (${way})${last ? `: ${last}` : ''}`,
      );
    }
  };
  const tokens = Number((await answer())['tokens']);
  return {
    name: way,
    async turn(seconds) {
      child.stdin.write(`${seconds}\n`);
      return tokens / Number((await answer())['seconds']);
    },
    async close() {
      child.stdin.end();
      await ended;
    },
  };
}
