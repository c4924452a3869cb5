/** Processes that prepare in one store directory at the same moment: none fails, and all find the same store. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const processes = 4;

/** @param command By which Node is started. */
export async function measureTogether(rounds, command, say = console.log) {
  const folder = mkdtempSync(path.join(tmpdir(), 'lockstep-together-'));
  const script = path.join(import.meta.dirname, 'preparer.js');
  const children = Array.from({ length: processes }, () =>
    spawn(command[0], [...command.slice(1), script], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    }),
  );
  try {
    await Promise.all(children.map((child) => once(child, 'message')));
    const digests = new Map();
    for (let round = 0; round < rounds; round++) {
      for (const { kind, digest } of await prepareTogether(children, folder, round)) {
        if (digest !== (digests.get(kind) ?? digest)) throw new Error('a store is another one');
        digests.set(kind, digest);
      }
      if ((round + 1) % 100 === 0) say(`${round + 1} rounds`);
    }
    say(`${rounds} rounds of ${processes} processes: none failed, all stores equal.`);
  } finally {
    for (const child of children) {
      child.kill('SIGKILL');
      if (child.connected) child.disconnect();
    }
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Every other round half of the processes ask for a vocabulary of their own, which is made of the same pieces. */
async function prepareTogether(children, folder, round) {
  const place = path.join(folder, `${round}`);
  const train = path.join(folder, 'rows.csv');
  mkdirSync(place);
  if (round === 0) {
    const rows = Array.from({ length: 300 }, (_, i) => `text ${i} of ${i % 40},${i % 3}\n`);
    writeFileSync(train, `text,label\n${rows.join('')}`);
  }
  const answers = await Promise.all(
    children.map(async (child, i) => {
      const kind = round % 2 === 1 && i % 2 === 1 ? 20 : 1000;
      const tokenizer = { kind: 'word', vocabularySize: kind };
      const answer = once(child, 'message');
      child.send({ task: 'classify', workers: 1, data: { train, storeDir: place, tokenizer } });
      const [{ storeDir, failure }] = await answer;
      if (failure !== undefined) throw new Error(`round ${round}: ${failure}`);
      return { kind, storeDir };
    }),
  );
  const left = readdirSync(place).filter((name) => name.includes('.'));
  if (left.length > 0) throw new Error(`round ${round} left ${left.join(', ')}`);
  const digests = answers.map(({ kind, storeDir }) => ({ kind, digest: digestFiles(storeDir) }));
  rmSync(place, { recursive: true });
  return digests;
}

function digestFiles(dir) {
  const hash = createHash('sha256');
  for (const name of readdirSync(dir).sort()) {
    hash.update(name).update(readFileSync(path.join(dir, name)));
  }
  return hash.digest('hex');
}
