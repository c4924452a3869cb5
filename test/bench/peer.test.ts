import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { BenchCase } from '../../src/bench/bench-cases.js';
import { benchBesidePeer, type PeerOutcome } from '../../src/bench/bench-peer.js';
import { findPeer, openPeer } from '../../src/bench/peer.js';
import { describeMatch } from '../../src/commands/summaries/bench-output.js';
import { runWith } from '../commands/stub.js';

const SMALL: BenchCase = {
  ...{ name: 'small', vocabulary: 20, embedding: 16, batch: 4, time: 5, classes: 2 },
  layers: [{ kind: 'lstm', hiddenSize: 16 }],
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lockstep-peer-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

/**
 * A program that answers as a Python with PyTorch does.
 *
 * @param version of PyTorch; none where it has none
 * @param turn what it does when it is told to train
 */
function fakePython(
  name: string,
  version: string | undefined,
  turn = 'echo \'{"seconds": 0.5}\'',
): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  const answer = version === undefined ? 'exit 1' : `echo ${version}; exit`;
  writeFileSync(
    path,
    `#!/bin/sh\ncase "$*" in *"import torch"*) ${answer};; esac\nway=$6\n` +
      `echo '{"tokens": 100}'\nwhile read -r seconds; do ${turn}; done\n`,
  );
  chmodSync(path, 0o755);
  return path;
}

it('of the Pythons that it is told of the one with the newest PyTorch is the peer', async () => {
  const told = [
    fakePython('one', '2.9.1+cpu'),
    fakePython('two', '2.15.0'),
    fakePython('no', undefined),
  ];
  expect(await findPeer(told)).toEqual({ python: told[1], version: '2.15.0' });
});

it('a folder is a virtual environment, and python the python3 that PATH finds', async () => {
  fakePython('venv/bin/python', '2.1.0');
  const { python } = await findPeer([join(folder, 'venv')]);
  expect(python).toBe(join(folder, 'venv/bin/python'));
  fakePython('python3', '2.2.0');
  vi.stubEnv('PATH', `${folder}${delimiter}${process.env['PATH'] ?? ''}`);
  expect(await findPeer(['python'])).toEqual({ python: 'python3', version: '2.2.0' });
});

it('an older PyTorch, none, and no Python at all are refused by what each lacks', async () => {
  const told = [fakePython('old', '1.13.1'), fakePython('no', undefined), join(folder, 'missing')];
  await expect(findPeer(told)).rejects.toThrow(
    /^bench --peer: PyTorch 2 or later is needed, but .*old has PyTorch 1\.13\.1, .*no has no PyTorch that can be loaded, .*missing cannot be started \(.*ENOENT\); name a Python/,
  );
});

it('PyTorch trains a case in a way and a precision, turn by turn, and ends when it is closed', async () => {
  const told = `char-rnn --way processes --cores ${availableParallelism()} --precision bfloat16`;
  const turn = `case "$*" in *${JSON.stringify(told)}) echo '{"seconds": 0.5}';; *) echo "$*";; esac`;
  const python = fakePython('python', '2.15.0', turn);
  const peer = await openPeer({ python, version: '2.15.0' }, 'char-rnn', 'processes', 'bfloat16');
  expect(await peer.turn(2)).toBe(200);
  expect(await peer.turn(2)).toBe(200);
  await peer.close();
});

it('a PyTorch that fails is told of with its last words', async () => {
  const python = fakePython('python', '2.15.0', 'echo "first" >&2; echo "no memory" >&2; exit 1');
  const peer = await openPeer({ python, version: '2.15.0' }, 'char-rnn', 'oneThread', 'float32');
  await expect(peer.turn(1)).rejects.toThrow(
    /^bench --peer: PyTorch of .*python failed on char-rnn \(oneThread\): no memory$/,
  );
  await peer.close();
});

it('a case is timed in turns with PyTorch: medians and quartiles of both, the best way and the ratio are told', async () => {
  const turn =
    'if [ "$way" = allThreads ]; then echo \'{"seconds": 0.25}\'; else echo \'{"seconds": 0.5}\'; fi';
  const python = fakePython('python', '2.15.0', turn);
  const options = { workers: 1, backend: 'native', shards: 16, precision: 'bfloat16' } as const;
  const peer = { python, version: '2.15.0' };
  const outcome = await benchBesidePeer(SMALL, [options], peer, 0.001);
  expect(outcome.peer).toMatchObject({
    precision: 'bfloat16',
    ways: { oneThread: { median: 200 } },
  });
  const [{ ratio, turns }] = outcome.results as [PeerOutcome['results'][number]];
  expect(outcome.peer.way).toBe('allThreads');
  expect(ratio.median).toBeCloseTo(turns.median / 400, 6);
  const lines = describeMatch(outcome).join('\n');
  expect(lines).toMatch(
    /^small, beside PyTorch 2\.15\.0 \(bfloat16\), best with a thread on every core: \d+ rounds of turns/,
  );
  expect(lines).toMatch(/^ {2}1 worker( +[\d,.]+){6}$/m);
  expect(lines).toMatch(/^ {2}PyTorch, one thread( +[\d,]+){3} *$/m);
});

it('what follows the Python is a case', async () => {
  const missing = join(folder, 'missing');
  const { status, stderr } = await runWith(['bench', '--peer', missing, 'keras-seed']);
  expect(status).not.toBe(0);
  expect(stderr).toContain('PyTorch 2 or later is needed');
  expect(stderr).not.toContain('keras-seed');
});
