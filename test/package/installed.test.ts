import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync, type Format } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageFile } from '../../src/package-root.js';
import { installPackage, type Installed } from './installed.js';

let installed: Installed;
beforeAll(() => {
  installed = installPackage();
  const rows = Array.from({ length: 60 }, (_, i) =>
    i % 2 === 0 ? `the ruby is ${i},red\n` : `a sea of ${i},blue\n`,
  );
  write('rows.csv', `text,label\n${rows.join('')}`);
});
afterAll(() => installed.remove());

function write(name: string, text: string): string {
  writeFileSync(join(installed.folder, name), text);
  return name;
}

const trainAndClassify = `
const end = await train(
  { task: 'classify', data: { train: 'rows.csv' }, train: { maxSteps: 4 } },
  { runDir: process.argv[2] },
);
const model = await openModel(end.checkpoint);
const [answer] = await model.classify(['the ruby']);
console.log(end.reason, answer.length);
`;

describe('an installed package', () => {
  test('trains and classifies from an ES module, with a config that names what has no default', () => {
    const file = write('a.mjs', `import { train, openModel } from 'lockstep';${trainAndClassify}`);
    expect(installed.run('node', file, 'runs/esm')).toEqual({
      status: 0,
      stdout: 'finished 2\n',
      stderr: '',
    });
  });

  test('and from CommonJS', () => {
    const file = write(
      'a.cjs',
      `const { train, openModel } = require('lockstep'); (async () => {${trainAndClassify}})();`,
    );
    const { status, stdout } = installed.run('node', '--no-warnings', file, 'runs/cjs');
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'finished 2\n' });
  });

  test('has programs that run, and says which kernels compute without a compiler', () => {
    const program = join('node_modules', 'lockstep', 'bin', 'lockstep.js');
    const { status, stdout } = installed.run('node', program, 'doctor');
    expect(status).toBe(0);
    expect(stdout).toContain('the native kernels have not been built (npm rebuild');
  });

  test('exports a model for browsers', () => {
    const program = join('node_modules', 'lockstep', 'bin', 'lockstep.js');
    const { status } = installed.run(
      'node',
      program,
      'export',
      'runs/esm',
      '--to',
      'web',
      '--out',
      'web',
    );
    expect(status).toBe(0);
    const page = readFileSync(join(installed.folder, 'web/index.html'), 'utf8');
    expect(page).toContain("from './lockstep.js'");
  });

  test('holds every script that it names', () => {
    const names = new Set<string>();
    for (const file of installed.files) {
      if (!/^(README|docs\/|dist\/src\/(?:commands|bench)\/.*\.js$|bin\/)/.test(file)) continue;
      const text = readFileSync(join(installed.folder, 'node_modules/lockstep', file), 'utf8');
      for (const [name] of text.matchAll(/\bscripts\/[\w-]+\.(?:js|py)\b/g)) names.add(name);
    }
    expect(names).toContain('scripts/pytorch_bench.py');
    expect([...names].filter((name) => !installed.files.includes(name))).toEqual([]);
  });
});

const program = `
import { describeBackends, loadConfig, openModel, prepareCorpus, readExamples, train, UserError } from 'lockstep';
import type { Config, ConfigInput, TrainEvent, TrainOptions, TrainedModel } from 'lockstep';
export async function use(stop: AbortSignal): Promise<number> {
  const input: ConfigInput = { task: 'classify', data: { train: 'rows.csv', tokenizer: { kind: 'char' } } };
  const options: TrainOptions = { runDir: 'x', signal: stop, listener: (event: TrainEvent) => console.log(event.type) };
  const end = await train(input, options);
  const model: TrainedModel = await openModel(end.checkpoint, { workers: 2 });
  const corpus = await prepareCorpus(await loadConfig('a.yaml'));
  const { loss } = await model.evaluate(corpus.train);
  for await (const { text, line } of readExamples(['a.csv'], { text: 'body' })) console.log(text.length + line);
  const config: Config = model.config;
  if (describeBackends().some(({ available }) => available)) throw new UserError(config.task);
  return loss + (await model.classify(['a']))[0]!.length;
}
`;

describe('a program in TypeScript that checks its libraries, too, compiles', () => {
  test.each([
    ['NodeNext', 'NodeNext', ['use.mts', 'use.cts'], false, 'typescript-native'],
    // The libraries are the same, and are found another way.
    ['ESNext', 'bundler', ['use.ts'], true, 'typescript-native'],
    // What most have; it takes ten seconds more to check libraries, too.
    ['NodeNext', 'NodeNext', ['use.mts'], true, 'typescript'],
  ])('as %s, with resolution %s: %s', (module, moduleResolution, files, skipLibCheck, compiler) => {
    const types = join(installed.folder, 'node_modules', '@types');
    mkdirSync(types, { recursive: true });
    for (const name of ['@types/node', 'undici-types']) {
      // What a program for Node brings itself.
      const place = join(installed.folder, 'node_modules', name);
      symlinkOnce(packageFile(`node_modules/${name}`), place);
    }
    for (const file of files) write(file, program);
    const options = {
      module,
      moduleResolution,
      target: 'ES2023',
      lib: ['ES2023'],
      types: ['node'],
      skipLibCheck,
    };
    const config = {
      compilerOptions: { ...options, strict: true, exactOptionalPropertyTypes: true, noEmit: true },
      files,
    };
    write('tsconfig.json', JSON.stringify(config));
    const tsc = packageFile(`node_modules/${compiler}/bin/tsc`);
    const { status, stdout } = installed.run('node', tsc, '--project', '.');
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  });
});

function symlinkOnce(target: string, place: string): void {
  try {
    symlinkSync(target, place);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

describe('a bundle', () => {
  const bundle = (format: Format, extension: string, external: string[] = []): string => {
    const file = write(
      'bundled.js',
      `import { openModel } from 'lockstep'; openModel('absent').catch(({ message }) => console.log(message));`,
    );
    const outfile = `bundle.${extension}`;
    const { errors } = buildSync({
      absWorkingDir: installed.folder,
      entryPoints: [file],
      outfile,
      bundle: true,
      platform: 'node',
      format,
      external,
      logLevel: 'silent',
    });
    expect(errors).toEqual([]);
    return outfile;
  };

  test.each([
    ['esm', 'mjs'],
    ['cjs', 'cjs'],
  ] as const)('that leaves the package out works (%s)', (format, extension) => {
    const out = bundle(format, extension, ['lockstep']);
    const { status, stdout } = installed.run('node', '--no-warnings', out);
    expect(status).toBe(0);
    expect(stdout).toContain('absent: expected the directory of a run');
  });

  test.each([
    ['esm', 'mjs'],
    ['cjs', 'cjs'],
  ] as const)(
    'that takes the package in is refused in a sentence that says what to do (%s)',
    (format, extension) => {
      const { status, stderr } = installed.run('node', bundle(format, extension));
      expect(status).toBe(1);
      expect(stderr).toContain('UserError: lockstep cannot be bundled, since its threads');
      expect(stderr).toContain('(with esbuild --external:lockstep)');
    },
  );
});
