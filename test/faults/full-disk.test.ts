import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageFile } from '../../src/package-root.js';
import { loggedSteps, readTensors, stepsTo, succeed } from '../e2e/cli.js';
import { makeWorkplace } from '../e2e/corpus.js';

const cwd = makeWorkplace();

const isWindows = process.platform === 'win32';
const why = isWindows ? ' (skipped: Windows has no limit on the size of files)' : '';

// A limit on the size of files refuses the log as a full disk does, and leaves the smaller checkpoints room.
it.skipIf(isWindows)(
  `a log that the disk takes no more of costs one notice, and neither steps nor checkpoints${why}`,
  async () => {
    const args = (name: string) => [
      ...['train', '--config', 'classifier.yaml', '--workers', '2'],
      ...['--run-dir', join(cwd, name), '--set', 'train.maxSteps=400'],
    ];
    const limited = ['-c', 'ulimit -f 160; exec "$@"', 'sh', process.execPath];
    const { status, stderr } = spawnSync(
      'sh',
      [...limited, packageFile('bin/lockstep.js'), ...args('full')],
      { cwd, encoding: 'utf8' },
    );
    expect(stderr.match(/metrics\.jsonl: cannot be written: .*; the run goes on/g)).toHaveLength(1);
    expect(status).toBe(0);
    const logged = loggedSteps(join(cwd, 'full'));
    expect(logged.length).toBeLessThan(400);
    // Behind a line that is lost a shorter one may have room.
    expect(logged.slice(0, 50)).toEqual(stepsTo(50));
    expect(logged).toEqual([...new Set(logged)].sort((a, b) => a - b));
    await succeed(cwd, args('roomy'));
    expect(loggedSteps(join(cwd, 'roomy'))).toHaveLength(400);
    expect(readTensors(join(cwd, 'full'))).toEqual(readTensors(join(cwd, 'roomy')));
  },
);
