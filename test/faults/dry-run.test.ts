import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { packageFile } from '../../src/package-root.js';
import { useScratch } from '../data/scratch.js';

const scratch = useScratch();

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)(
  'a look at a training that is ended by %s leaves no temporary files',
  async (name, status) => {
    const rows = Array.from({ length: 20_000 }, (_, i) => `some words ${i},${i % 2 ? 'a' : 'b'}`);
    const { dir, path } = await scratch({
      'rows.csv': `text,label\n${rows.join('\n')}\n`,
      'look.yaml':
        'task: classify\ndata: { train: rows.csv }\nmodel: { embedding: 8, layers: [{ hiddenSize: 16 }] }\ntrain: { epochs: 5 }\nworkers: 1\n',
    });
    mkdirSync(path('tmp'));
    const args = [packageFile('bin/lockstep.js'), 'train', '--config', 'look.yaml', '--dry-run'];
    const child = spawn(process.execPath, args, {
      ...{ cwd: dir, stdio: 'ignore' },
      env: { ...process.env, TMPDIR: path('tmp') },
    });
    const ended = once(child, 'exit');
    const looks = () => readdirSync(path('tmp')).filter((each) => each.startsWith('lockstep-look'));
    await expect.poll(looks, { interval: 2, timeout: 20_000 }).toHaveLength(1);
    child.kill(name);
    expect(await ended).toEqual([status, null]);
    expect(looks()).toEqual([]);
  },
);
