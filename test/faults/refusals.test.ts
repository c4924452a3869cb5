import { createHash } from 'node:crypto';
import {
  mkdirSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { lockstep, readLog, start, succeed, until } from '../e2e/cli.js';
import { makeWorkplace } from '../e2e/corpus.js';

const cwd = makeWorkplace();
const whole = join(cwd, 'runs/whole');
const steps = ['train.maxSteps=20', 'train.checkpoint={everySteps: 10, keep: 3}'];
const train = ['train', '--config', 'classifier.yaml', '--workers', '1', '--set', ...steps];

beforeAll(() => succeed(cwd, [...train, '--run-dir', whole]));

/** Every file below a directory with a digest of its bytes. */
function fingerprint(folder: string): Record<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return Object.fromEntries(
    files.map(({ parentPath, name }) => {
      const file = join(parentPath, name);
      return [file, createHash('sha256').update(readFileSync(file)).digest('hex')];
    }),
  );
}

/** Runs a command that must be refused with one sentence, and change no file of a run. */
async function refusalOf(args: readonly string[], runDir = whole): Promise<string> {
  const before = fingerprint(runDir);
  const { status, stdout, stderr: all } = await lockstep(cwd, args);
  // Shown where a machine is slow.
  const stderr = all.replaceAll(/^Looking at the files: .*\n/gm, '');
  expect(status).toBe(1);
  expect(stdout).toBe('');
  expect(stderr).toMatch(/^[^\n]+\n$/);
  expect(stderr).not.toMatch(/\bat .*:\d+:\d+|node:|This is a bug/);
  expect(fingerprint(runDir)).toEqual(before);
  return stderr.trimEnd();
}

function write(name: string, content: string): string {
  writeFileSync(join(cwd, name), content);
  return name;
}

/** A copy of the whole run for a test to damage. */
function copyRun(name: string): { run: string; file: (name: string, step?: number) => string } {
  const run = join(cwd, 'runs', name);
  cpSync(whole, run, { recursive: true });
  const checkpoint = (step: number) => `checkpoints/step-${String(step).padStart(8, '0')}`;
  return { run, file: (file, step = 20) => join(run, checkpoint(step), file) };
}

describe('the command line', () => {
  it.each([
    [['trian'], 'Unknown command trian; did you mean train?; see node '],
    [['conquer'], 'Unknown command conquer; see node '],
    [[...train, '--wrkers', '2'], 'Unknown option --wrkers; did you mean --workers?'],
    [['train', '--config', 'classifier.yaml', '--workers', 'two'], '--workers: expected a whole'],
  ])('%j', async (args, sentence) => {
    expect(await refusalOf(args)).toContain(sentence);
  });
});

describe('the config', () => {
  it.each([
    ['a file that is not there', undefined, 'absent.yaml'],
    ['a key that is misspelled', 'train: { batchsize: 8 }', 'train.batchSize'],
    ['a value of the wrong type', 'train: { batchSize: many }', 'train.batchSize'],
  ])('%s', async (_, line, name) => {
    const file =
      line === undefined
        ? 'absent.yaml'
        : write('wrong.yaml', `task: classify\ndata: { train: colours.csv }\n${line}\n`);
    const sentence = await refusalOf(['train', '--config', file]);
    expect(sentence).toContain(line === undefined ? file : `${file}:3`);
    expect(sentence).toContain(name);
  });
});

describe('the data', () => {
  const csv = (...lines: string[]) => `${lines.join('\n')}\n`;
  it.each([
    ['a file that is not there', undefined, /data\.train: .*absent\.csv/],
    ['no column of that name', csv('body,label', 'a b,x'), /data\.csv.*column.*"?text"?/],
    ['a missing cell', csv('text,label', 'a b,x', 'c d', 'e f,y'), /data\.csv.*line 3/],
    ['no rows', csv('text,label'), /data\.train has no rows/],
    ['no bytes', '', /data\.train has no rows/],
  ])('%s', async (name, content, sentence) => {
    const file = content === undefined ? 'absent.csv' : write('data.csv', content);
    const runDir = join(cwd, 'runs', name.replaceAll(' ', '-'));
    const set = [`data.train=${file}`];
    const args = ['train', '--config', 'classifier.yaml', '--run-dir', runDir, '--set', ...set];
    expect(await refusalOf(args)).toMatch(sentence);
    // Once the mistake is mended, the same directory will do.
    if (name !== 'a missing cell') return;
    await succeed(cwd, [...train, '--run-dir', runDir]);
  });
});

describe('the run directory', () => {
  it('that holds a run is not written over', async () => {
    expect(await refusalOf([...train, '--run-dir', whole])).toBe(
      `${whole} already holds a run (newest checkpoint step-00000020): ` +
        'add --resume to go on with it, or name another directory with --run-dir',
    );
  });

  it('that holds a run of another config, with every key that differs', async () => {
    const changes = ['train.seed=3', 'model.dropout=0.5'];
    const sentence = await refusalOf([...train, ...changes, '--resume', '--run-dir', whole]);
    expect(sentence).toContain('another config');
    expect(sentence).toMatch(/train\.seed: 1 → 3\b/);
    expect(sentence).toMatch(/model\.dropout: 0\.2 → 0\.5\b/);
  });

  it('that holds files of others by the names of a run is left alone', async () => {
    const own = mkdtempSync(join(cwd, 'own-'));
    const config = join(own, 'config.yaml');
    writeFileSync(config, `# Mine.\n${readFileSync(join(cwd, 'classifier.yaml'), 'utf8')}`);
    const sentence = await refusalOf(['train', '--config', config, '--run-dir', own], own);
    expect(sentence).toBe(
      `${config}: expected no such file, since ${own} holds no run: ` +
        'it would be overwritten; name another directory with --run-dir',
    );
    // A folder by that name makes it no run.
    mkdirSync(join(own, 'checkpoints'));
    writeFileSync(join(own, 'checkpoints/model.pt'), 'mine');
    expect(await refusalOf(['train', '--config', config, '--run-dir', own], own)).toBe(sentence);
    const nameless = await refusalOf([...train, '--run-dir', '']);
    expect(nameless).toBe('--run-dir: expected a value, got ""');
  });

  it('that holds no run cannot be resumed, and is not made', async () => {
    const absent = join(cwd, 'runs/absent');
    const sentence = await refusalOf([...train, '--resume', '--run-dir', absent], cwd);
    expect(sentence).toMatch(/^\S+runs\/absent holds no run to resume/);
  });
});

it('predictions do not replace the file that they are made from', async () => {
  const file = write('judged.csv', 'text,label\nthe sea is,red\n');
  const args = ['predict', whole, file, '--out', `./${file}`];
  expect(await refusalOf(args)).toMatch(
    /^--out: \S+judged\.csv is there, and nothing shows that predict wrote it/,
  );
  const sentence = await refusalOf([...args, '--overwrite']);
  expect(sentence).toBe(`--out: ./${file} is read as input, and would be lost: name another file`);
  expect(readFileSync(join(cwd, file), 'utf8')).toContain('the sea is,red');
});

it('a split is not measured when the data has changed since', async () => {
  const run = join(cwd, 'runs/changing');
  const rows = readFileSync(join(cwd, 'colours.csv'), 'utf8');
  write('changing.csv', rows);
  await succeed(cwd, [...train, 'data.train=changing.csv', '--run-dir', run]);
  write('changing.csv', `${rows}ruby ruby ruby,blue\n`);
  const { status, stdout, stderr } = await lockstep(cwd, ['evaluate', run]);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toContain('the corpus has changed since this checkpoint was written');
});

it('a network larger than the memory is refused with both sizes', async () => {
  const sizes = 'model.layers=[{cell: lstm, hiddenSize: 200000}]';
  const args = [...train, sizes, '--run-dir', join(cwd, 'runs/huge')];
  const { status, stderr } = await lockstep(cwd, args);
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /^this model and batch need [\d.]+ GiB of memory, and the machine has [\d.]+ GiB: /,
  );
});

describe('a checkpoint', () => {
  const truncate = (file: string) => truncateSync(file, 1000);
  const flip = (file: string) => {
    const bytes = readFileSync(file);
    bytes[bytes.length - 5]! ^= 1;
    writeFileSync(file, bytes);
  };
  const garble = (file: string) => writeFileSync(file, '{"version": 1, "step": ');

  it.each([
    ['truncated', 'model.safetensors', truncate],
    ['with one bit flipped', 'model.safetensors', flip],
    ['whose moments have a bit flipped', 'optimizer.safetensors', flip],
    ['with a state that is no JSON', 'state.json', garble],
  ])('%s is not used, but what is whole is gone on from', async (name, file, damage) => {
    const copy = copyRun(name.replaceAll(' ', '-'));
    damage(copy.file(file));
    for (const command of ['evaluate', 'predict']) {
      const sentence = await refusalOf([command, copy.run, '--checkpoint', 'latest'], copy.run);
      expect(sentence).toContain(`${copy.file(file)}: `);
      expect(sentence).toMatch(/damaged/);
    }
    const { stderr } = await succeed(cwd, [...train, '--resume', '--run-dir', copy.run]);
    expect(stderr).toContain(`${copy.file(file)}: `);
    expect(stderr).toContain(`Going on from ${copy.file('', 10)}.`);
    // What was damaged is made anew, byte for byte.
    const model = copy.file('model.safetensors');
    const original = join(whole, 'checkpoints/step-00000020/model.safetensors');
    expect(readFileSync(model).equals(readFileSync(original))).toBe(true);
    expect(readLog(copy.run).filter(({ type }) => type === 'step')).toHaveLength(20);
  });

  it('is not used with another vocabulary than it was trained with, which a resume mends', async () => {
    const copy = copyRun('other-vocabulary');
    const file = join(copy.run, 'vocabulary.json');
    const text = readFileSync(file, 'utf8');
    const { classes } = JSON.parse(text) as { classes: string[] };
    const names = JSON.stringify(classes);
    writeFileSync(file, text.replace(names, JSON.stringify(classes.toReversed())));
    expect(readFileSync(file, 'utf8')).not.toBe(text);
    for (const command of ['evaluate', 'predict']) {
      expect(await refusalOf([command, copy.run], copy.run)).toBe(
        `${file}: damaged or of another run: its SHA-256 is not the one in the checkpoint's state.json; ` +
          'train --resume writes it anew, from the config and the data that the run was trained with, and goes on with the run',
      );
    }
    await succeed(cwd, [...train, '--resume', '--run-dir', copy.run]);
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  it('is refused when none is whole', async () => {
    const copy = copyRun('none-whole');
    for (const name of readdirSync(join(copy.run, 'checkpoints'))) {
      truncate(join(copy.run, 'checkpoints', name, 'model.safetensors'));
    }
    const { status, stderr } = await lockstep(cwd, [...train, '--resume', '--run-dir', copy.run]);
    expect(status).toBe(1);
    expect(stderr.trimEnd().split('\n').at(-1)).toMatch(
      /none of its \d checkpoints is whole: start a new run with another --run-dir$/,
    );
  });

  it('under the name of another step is passed over, and refused where it is named', async () => {
    const copy = copyRun('renamed');
    const [ten, thirty] = [10, 30].map((step) => copy.file('', step)) as [string, string];
    renameSync(ten, thirty);
    for (const args of [
      ['evaluate', copy.run, '--checkpoint', 'step-00000030'],
      ...[
        ['predict', thirty],
        ['inspect', thirty],
      ],
    ]) {
      expect(await refusalOf(args, copy.run)).toMatch(
        /renamed\S*step-00000030\/?: damaged or renamed: expected the checkpoint step-00000030, but by its state\.json it is step-00000010$/,
      );
    }
    const { stdout } = await succeed(cwd, ['inspect', copy.run]);
    expect(stdout).toContain('step-00000020');
    const { stderr } = await succeed(cwd, [...train, '--resume', '--run-dir', copy.run]);
    expect(stderr).toMatch(/step-00000030: damaged or renamed: .*; looking for an earlier/);
    expect(stderr).toContain(`Going on from ${copy.file('', 20)}.`);
  });

  it('alone, a file, and --checkpoint beside a checkpoint are refused; a link to a checkpoint is followed', async () => {
    const copy = copyRun('alone');
    const checkpoint = copy.file('', 10);
    const alone = join(cwd, 'alone-checkpoint');
    cpSync(checkpoint, alone, { recursive: true });
    for (const command of ['evaluate', 'predict', 'inspect']) {
      expect(await refusalOf([command, alone])).toMatch(
        /^\S+alone-checkpoint: a checkpoint alone cannot be used: expected it below the run's directory/,
      );
      expect(await refusalOf([command, 'colours.csv'])).toMatch(
        /^colours\.csv: expected the directory of a run or of a checkpoint, (?:got|or a config file)/,
      );
      for (const which of ['best', 'latest', 'step-00000020']) {
        expect(await refusalOf([command, checkpoint, '--checkpoint', which])).toContain(
          `is the checkpoint step-00000010, but ${which} is asked for`,
        );
      }
    }
    const link = join(cwd, 'link');
    symlinkSync(checkpoint, link);
    expect((await succeed(cwd, ['inspect', link])).stdout).toContain('Network');
    const withConfig = await refusalOf(['inspect', 'classifier.yaml', '--checkpoint', 'best']);
    expect(withConfig).toBe(
      '--checkpoint: expected beside a run, and classifier.yaml is a config file',
    );
  });

  it.each([
    ['no', ''],
    ['a damaged', '{"version": 1, "starts": [}'],
  ])('is shown beside %s history', async (_, text) => {
    const copy = copyRun(`history-${text.length}`);
    writeFileSync(join(copy.run, 'history.json'), text);
    const { stdout, stderr } = await succeed(cwd, ['inspect', copy.run]);
    expect(stdout).toContain('none on record');
    expect(stderr).toMatch(/^\S+history\.json: damaged: expected the starts of a run [^\n]*\n$/);
  });

  it('there is none of that name', async () => {
    const sentence = await refusalOf(['evaluate', whole, '--checkpoint', 'step-00000007']);
    expect(sentence).toContain('no checkpoint step-00000007');
  });
});

it('a port in use is refused before anything is written', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const runDir = join(cwd, 'runs/port');
  const args = [...train, '--run-dir', runDir, '--metrics-port', String(port)];
  expect(await refusalOf(args, cwd)).toBe(
    `metrics.port: port ${port} of 127.0.0.1 is in use; choose another (0 picks a free one)`,
  );
  server.close();
});

it('a second SIGINT ends the program at once', async () => {
  const long = ['train.maxSteps=100000', 'train.epochs=100000'];
  const run = start(cwd, [...train, ...long, '--run-dir', join(cwd, 'runs/twice')]);
  await until(run, () => run.stderr().includes('Checkpoint'));
  run.child.kill('SIGINT');
  run.child.kill('SIGINT');
  const { status, signal } = await run.ended;
  expect(status === 130 || signal === 'SIGINT').toBe(true);
});
