import { describe, expect, test } from 'vitest';
import yargs, { type Options } from 'yargs';
import { UserError } from '../../src/errors.js';
import { runWith, stubClassifier } from './stub.js';

describe('a command line that cannot be understood is refused in one sentence', () => {
  test.each([
    [[], 'Expected a command; see lockstep --help\n'],
    [['trian'], 'Unknown command trian; did you mean train?; see lockstep --help\n'],
    [['frobnicate'], 'Unknown command frobnicate; see lockstep --help\n'],
    [['doctor', 'who'], 'Unknown argument who; see lockstep doctor --help\n'],
    [['doctor', '--who'], 'Unknown option --who; see lockstep doctor --help\n'],
    [['train'], 'Missing required argument: config; see lockstep train --help\n'],
    [
      ['train', '--confg', 'x.yaml', '--config', 'x.yaml'],
      'Unknown option --confg; did you mean --config?; see lockstep train --help\n',
    ],
    [
      ['train', '--confg', 'x.yaml'],
      'Unknown option --confg; did you mean --config?; see lockstep train --help\n',
    ],
    [
      ['prepare', '--verbose', '--help-me=x'],
      'Unknown option --help-me; see lockstep prepare --help\n',
    ],
    [
      ['train', '--runDir', 'x', '--no-resume'],
      'Missing required argument: config; see lockstep train --help\n',
    ],
    [
      ['train', '--config', 'x.yaml', '--metric-port', '3'],
      'Unknown option --metric-port; did you mean --metrics-port?; see lockstep train --help\n',
    ],
    [
      ['train', '--config', 'x', '--workers', 'many'],
      '--workers: expected a whole number from 1 to 1024, got "many"; see lockstep train --help\n',
    ],
    [
      ['train', '--config', 'x', '--workers', '0'],
      '--workers: expected a whole number from 1 to 1024, got "0"; see lockstep train --help\n',
    ],
    [['train', '--config', 'x', '--config', 'y'], '--config: expected once, got it 2 times\n'],
    [
      ['generate', 'runs/x', '--length', '3', '--length', '4'],
      '--length: expected once, got it 2 times; see lockstep generate --help\n',
    ],
    [
      ['predict', 'runs/x', '--text', 'a', '--text', 'b'],
      '--text: expected once, got it 2 times; see lockstep predict --help\n',
    ],
    [
      ['train', '--config', 'x', '--backend', 'gpu'],
      'Invalid values: Argument: backend, Given: "gpu", Choices: "auto", "native", "wasm", "reference"; see lockstep train --help\n',
    ],
    [
      ['generate', 'runs/x', '--temperature', '-1'],
      '--temperature: expected a number of at least 0, got "-1"; see lockstep generate --help\n',
    ],
    [
      ['evaluate', 'runs/x', '--data', '-x.csv'],
      '--data: expected a value behind it; one that begins with a dash is written --data=-x.csv; see lockstep evaluate --help\n',
    ],
    [
      ['evaluate', 'runs/x', '--data'],
      '--data: expected a value behind it; see lockstep evaluate --help\n',
    ],
    [
      ['predict', 'runs/x', '-x.csv'],
      'Unknown option -x.csv; a file of that name is written ./-x.csv; see lockstep predict --help\n',
    ],
    [
      ['generate', 'runs/x', '--seed', '4294967296'],
      '--seed: expected a whole number from 0 to 4294967295, got "4294967296"; see lockstep generate --help\n',
    ],
    [
      ['train', '--config', 'x', '--workers', '1025'],
      '--workers: expected a whole number from 1 to 1024, got "1025"; see lockstep train --help\n',
    ],
    [
      ['train', '--config', 'x', '--metrics-port', '65536'],
      '--metrics-port: expected a whole number from 0 to 65535, got "65536"; see lockstep train --help\n',
    ],
    [
      ['evaluate', 'x', '--split', 'test', '--data', 'a.csv'],
      'Expected either --split or --data, got both\n',
    ],
    [['predict', 'runs/x', 'a.csv', ''], '<files>: expected a value, got ""\n'],
  ])('%j', async (argv, sentence) => {
    expect(await runWith(argv)).toEqual({ status: 1, stdout: '', stderr: sentence });
  });

  test.each(['--text a --label a', '--label body', '--text 2 --label 2'])(
    'a label that is the text: %s',
    async (options) => {
      const openModel = () => Promise.resolve(stubClassifier());
      const argv = ['predict', 'runs/x', 'a.csv', ...options.split(' ')];
      const { status, stderr } = await runWith(argv, { openModel });
      expect(status).toBe(1);
      expect(stderr).toMatch(/^--label: expected another column than that of the text, got .*\n$/);
    },
  );

  test('every option and name that is empty is told by what was typed', async () => {
    const { stdout } = await runWith(['--help']);
    const commands = [...stdout.matchAll(/^ {2}lockstep (\w+)(?: <(run|checkpoints)\b)?/gm)];
    expect(commands.length).toBeGreaterThan(7);
    let options = 0;
    for (const [, command, run] of commands) {
      const positional = run === undefined ? [] : ['runs/x'];
      const out = ['average', 'export'].includes(command!) ? ['--out', 'runs/y'] : [];
      const to = command === 'export' ? ['--to', 'web'] : [];
      const needed = [...to, ...out];
      const config = ['train', 'prepare'].includes(command!) ? ['--config', 'x.yaml'] : [];
      const help = await runWith([command!, '--help']);
      for (const [, name] of help.stdout.matchAll(/^ {2,}--([\w-]+).*\[(?:string|array)\]/gm)) {
        if (['prompt', 'prefix'].includes(name!)) continue;
        const given = name === 'config' ? [] : [...config, ...to, ...(name === 'out' ? [] : out)];
        const { status, stderr } = await runWith([
          command!,
          ...positional,
          ...given,
          `--${name!}=`,
        ]);
        expect(status).toBe(1);
        expect(stderr).toMatch(/^[^\n]+\n$/);
        expect(stderr).toMatch(new RegExp(`^--${name!}\\b`));
        options++;
      }
      if (run === undefined) continue;
      const { stderr } = await runWith([command!, '', ...needed]);
      expect(stderr).toBe(`<${run}>: expected a value, got ""\n`);
    }
    expect(options).toBeGreaterThan(15);
  });

  test('a run that is not named', async () => {
    const { status, stderr } = await runWith(['evaluate']);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^Not enough non-option arguments.*see lockstep evaluate --help\n$/);
  });
});

test('help lists the commands and is no error', async () => {
  const { status, stdout, stderr } = await runWith(['--help']);
  expect([status, stderr]).toEqual([0, '']);
  for (const command of [
    'train',
    'evaluate',
    'predict',
    'score',
    'generate',
    'average',
    'inspect',
    'prepare',
    'doctor',
  ]) {
    expect(stdout).toContain(`lockstep ${command}`);
  }
});

test('the version is that of the package', async () => {
  expect((await runWith(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test('the schema is printed as JSON', async () => {
  const { stdout } = await runWith(['schema']);
  expect(JSON.parse(stdout)).toMatchObject({ type: 'object', required: ['task', 'data'] });
});

describe('an error', () => {
  const failWith = (error: Error) => ({
    describeBackends: () => {
      throw error;
    },
  });

  test('that the user can mend is one sentence and status 1', async () => {
    const outcome = await runWith(['doctor'], failWith(new UserError('x.csv: no such file')));
    expect(outcome).toEqual({ status: 1, stdout: '', stderr: 'x.csv: no such file\n' });
  });

  test('of the operating system is one sentence that names the file, and no bug', async () => {
    const refusals = [
      'EACCES',
      'EROFS',
      'ENOSPC',
      'EMFILE',
      'EIO',
      'ELOOP',
      'ENAMETOOLONG',
      'EPERM',
    ];
    for (const code of refusals) {
      const error = Object.assign(new Error(code), { code, syscall: 'open', path: 'a\u001b.csv' });
      const { status, stderr } = await runWith(['doctor'], failWith(error));
      expect(stderr).toMatch(
        new RegExp(`^Cannot open "a.u001b.csv": [a-z/ -]+ \\(${code}\\)\\.\n$`),
      );
      expect(status).toBe(1);
    }
  });

  test('of the program is one line, named a bug, and status 70', async () => {
    const outcome = await runWith(['doctor'], failWith(new TypeError('x is not a function\nat y')));
    expect(outcome).toEqual({
      status: 70,
      stdout: '',
      stderr: 'x is not a function\nThis is a bug in lockstep; --verbose shows where it arose.\n',
    });
  });

  test('of the program shows its stack with --verbose', async () => {
    const { stderr } = await runWith(['doctor', '--verbose'], failWith(new TypeError('oh')));
    expect(stderr).toMatch(/^TypeError: oh\n +at /);
  });

  test('because nobody reads the output any more is none', async () => {
    const broken = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
    expect(await runWith(['doctor'], failWith(broken))).toMatchObject({ status: 0, stderr: '' });
  });
});

test('doctor says which backend computes, and why the others do not', async () => {
  const { stdout } = await runWith(['doctor'], {
    describeBackends: () => [
      { name: 'native', available: false, reason: 'no C compiler was found', bfloat16: 'AMX' },
      { name: 'wasm', available: true, reason: 'runs everywhere', bfloat16: 'multiply-adds' },
    ],
  });
  expect(stdout).toContain('native  not available  no C compiler was found\n');
  expect(stdout).toContain('Training would use the wasm backend: runs everywhere.\n');
  expect(stdout).toContain(
    'Its products of bfloat16 go through multiply-adds, no faster than float32: train.precision auto takes float32.\n',
  );
  expect(stdout).toMatch(
    /^One core comes to [1-9]\d* GFLOP\/s of multiply-adds in float32 at most, as it is now\.$/m,
  );
  expect(stdout).toContain(`Node ${process.versions.node}`);
});

test('doctor says where bfloat16 goes through tiles', async () => {
  const { stdout } = await runWith(['doctor'], {
    describeBackends: () => [
      { name: 'native', available: true, reason: 'amx kernels', bfloat16: 'AMX' },
    ],
  });
  expect(stdout).toContain(
    'Its products of bfloat16 go through the tiles of AMX, several times as fast as float32: train.precision auto takes bfloat16.\n',
  );
});

describe('every option that has a value takes it from the argument behind it', async () => {
  const commands = await Promise.all(
    ['average', 'bench', 'board', 'doctor', 'evaluate', 'generate', 'inspect', 'predict', 'prepare']
      .concat(['schema', 'score', 'train', 'translate'])
      .map(async (name) => [name, await optionsOf(name)] as const),
  );

  test.each(commands)('of %s', async (_name, options) => {
    for (const [name, option] of Object.entries(options)) {
      if (option.type === 'boolean') continue;
      const value = String(option.choices?.[0] ?? '2');
      const parsed = await yargs([`--${name}`, value])
        .parserConfiguration({ 'dot-notation': false, 'parse-numbers': false })
        .exitProcess(false)
        .options({ [name]: { ...option, coerce: (given: unknown) => given, demandOption: false } })
        .parse();
      expect(parsed[name], name).toEqual(option.array === true ? [value] : value);
      expect(parsed._, name).toEqual([]);
    }
  });
});

/** What a command tells yargs of its options. */
async function optionsOf(name: string): Promise<Record<string, Options>> {
  const module = (await import(`../../src/commands/${name}.ts`)) as Record<string, unknown>;
  const define = module[`${name}Command`] as (context: unknown) => {
    builder: (yargs: unknown) => unknown;
  };
  let found: Record<string, Options> = {};
  const hears = {
    positional: () => hears,
    options: (options: Record<string, Options>) => (found = options),
  };
  define({}).builder(hears);
  return found;
}

test.each([
  [
    ['predict', 'runs/x', '--', '-dash.csv', 'a.csv'],
    ['-dash.csv', 'a.csv'],
  ],
  [
    ['predict', 'runs/x', 'b.csv', '--batch-size', '3', '--', '--', '-'],
    ['b.csv', '--', '-'],
  ],
  [['predict', '--', 'runs/x', '--help'], ['--help']],
])('what stands behind two dashes are files, whatever their names: %j', async (argv, files) => {
  let read: unknown;
  const { stderr } = await runWith(argv, {
    openModel: () => Promise.resolve(stubClassifier()),
    async *readBatches(paths) {
      await Promise.resolve();
      read = paths;
      yield* [];
    },
  });
  expect([read, stderr]).toEqual([files, expect.not.stringContaining('Unknown')]);
});
