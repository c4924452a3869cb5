import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kernelDigest } from '../../src/backend/kernel-sources.js';
import { describeNative } from '../../src/backend/native.js';
import { packageFile } from '../../src/package-root.js';
import { libcOf } from '../../src/system/libc.js';

interface Manifest {
  sources: string;
  files: Record<string, string>;
}

/** What `npm pack` has left here, where that is of the present sources. */
function readManifest(): Manifest | undefined {
  if (!existsSync(packageFile('prebuilds/manifest.json'))) return undefined;
  const content = readFileSync(packageFile('prebuilds/manifest.json'), 'utf8');
  const manifest = JSON.parse(content) as Manifest;
  return manifest.sources === kernelDigest() ? manifest : undefined;
}

const manifest = readManifest();
const own = `prebuilds/${process.platform}-${process.arch}/lockstep.${libcOf(process.execPath)}.node`;
const foreign = Object.keys(manifest?.files ?? {}).find((name) => name !== own);
const isHere = manifest !== undefined && own in manifest.files;
const why = isHere ? '' : ' (skipped: not built here, npm pack does where Zig is)';

/**
 * Commands that run other Nodes, one a line, such as one that was built for musl, or an emulator and a Node for Arm: docs/kernels.md
 * says where they are to be had.
 */
const otherNodes = (process.env['LOCKSTEP_OTHER_NODES'] ?? '').split('\n').filter(Boolean);

describe.skipIf(!isHere)(`the kernels that the package carries${why}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-prebuilds-test-'));
  const project = join(folder, 'project');
  const program = 'node_modules/lockstep/bin/lockstep.js';
  const carried = join(project, 'node_modules/lockstep', own);
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Runs a program of the project where there is no other on the PATH. */
  const run = (command: string[], env: NodeJS.ProcessEnv = {}) => {
    const path = join(folder, 'path');
    mkdirSync(path, { recursive: true });
    if (!existsSync(join(path, 'node'))) symlinkSync(process.execPath, join(path, 'node'));
    const { status, stdout, stderr } = spawnSync(command[0]!, command.slice(1), {
      cwd: project,
      encoding: 'utf8',
      env: { PATH: path, HOME: folder, ...env },
    });
    return { status, output: stdout + stderr };
  };
  const train = (node: string[], name: string) => {
    rmSync(join(project, name), { recursive: true, force: true });
    const args = ['train', '--config', 'c.yaml', '--run-dir', name, '--workers', '2'];
    const { status, output } = run([...node, program, ...args]);
    expect({ status, output }).toMatchObject({ status: 0 });
    const checkpoint = readFileSync(join(project, name, 'latest'), 'utf8').trim();
    const file = join(project, name, 'checkpoints', checkpoint, 'model.safetensors');
    return { output, weights: readFileSync(file) };
  };
  beforeAll(() => {
    mkdirSync(project);
    const npm = (...args: string[]) => {
      const result = spawnSync('npm', args, { cwd: project, encoding: 'utf8' });
      expect(result, args.join(' ')).toMatchObject({ status: 0 });
      return result.stdout;
    };
    const packed = spawnSync(
      'npm',
      ['pack', '--json', '--ignore-scripts', '--pack-destination', folder],
      { cwd: packageFile('.'), encoding: 'utf8' },
    );
    const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }];
    writeFileSync(join(project, 'package.json'), '{ "private": true }\n');
    npm('install', '--ignore-scripts', '--prefer-offline', '--no-audit', join(folder, filename));
    const rows = Array.from({ length: 300 }, (_, i) => `some ${i % 17} words ${i % 7},${i % 2}\n`);
    writeFileSync(join(project, 'a.csv'), `text,label\n${rows.join('')}`);
    writeFileSync(
      join(project, 'c.yaml'),
      'task: classify\ndata: { train: a.csv }\nmodel: { embedding: 24, layers: [{ hiddenSize: 40 }] }\ntrain: { maxSteps: 12 }\n',
    );
  }, 300_000);

  test('ask for no newer glibc than 2.28', () => {
    for (const name of Object.keys(manifest!.files)) {
      const names = readFileSync(packageFile(name), 'latin1').match(/GLIBC_[\d.]+/g) ?? [];
      const newest = Math.max(0, ...names.map((each) => Number(/_2\.(\d+)/.exec(each)![1])));
      expect(newest, name).toBeLessThanOrEqual(28);
      expect(names.length > 0, name).toBe(name.includes('.glibc.'));
    }
  });

  test('compute in a project that was installed without scripts, where there is no compiler', () => {
    expect(existsSync(join(project, 'node_modules/lockstep/build'))).toBe(false);
    const { output } = run(['node', program, 'doctor']);
    const libc = libcOf(process.execPath);
    const reason = `prebuilt for ${process.platform} ${process.arch} with ${libc}, `;
    expect(output).toContain(`Training would use the native backend: ${reason}`);
    expect(train(['node'], 'runs/ready').output).toContain('native');
  });

  const { available, reason: fault } = describeNative();
  const missing = available ? '' : ` (skipped: there are none: ${fault})`;
  test.skipIf(!available)(`give the bits of those that are compiled here${missing}`, () => {
    const ready = train(['node'], 'runs/carried');
    const build = join(project, 'node_modules/lockstep/build');
    cpSync(packageFile('build/lockstep.node'), join(build, 'lockstep.node'));
    copyFileSync(packageFile('build/native.json'), join(build, 'native.json'));
    try {
      expect(run(['node', program, 'doctor']).output).toContain('compiled for this machine');
      const compiled = train(['node'], 'runs/compiled');
      expect(compiled.weights.equals(ready.weights)).toBe(true);
    } finally {
      rmSync(build, { recursive: true });
    }
  });

  test('are kept by an install that runs scripts, unless it is asked to build', () => {
    const script = ['node', 'node_modules/lockstep/scripts/build-native.js'];
    const build = join(project, 'node_modules/lockstep/build');
    expect(run(script)).toEqual({ status: 0, output: '' });
    expect(existsSync(build)).toBe(false);
    expect(run(script, { npm_config_build_from_source: 'true' }).status).toBe(0);
    expect(readFileSync(join(build, 'native.json'), 'utf8')).toContain('no C compiler was found');
    const { output } = run(['node', program, 'doctor']);
    expect(output).toContain('native backend: prebuilt for');
    rmSync(build, { recursive: true });
  });

  test.each([
    ['cut off', (file: string) => truncateSync(file, 5000), /: damaged, or not/],
    [
      'of another C library',
      (file: string) => copyFileSync(packageFile(foreign!), file),
      /: damaged, or not/,
    ],
    ['missing', (file: string) => rmSync(file), /: ENOENT/],
  ])('give way to WebAssembly in one sentence where they are %s', (_, spoil, reason) => {
    const whole = readFileSync(carried);
    try {
      spoil(carried);
      const { status, output } = run(['node', program, 'doctor']);
      expect(status).toBe(0);
      expect(output).toContain('would use the wasm backend: ');
      expect(/^native +not available +(.*)$/m.exec(output)![1]).toMatch(
        new RegExp(`^${own}${reason.source}.*, and the native kernels have not been built`),
      );
      expect(train(['node'], 'runs/fallback').output).toContain(own);
    } finally {
      writeFileSync(carried, whole);
    }
  });

  test('are the same bytes when they are built elsewhere', ({ skip }) => {
    const other = join(folder, 'elsewhere/another place');
    for (const part of ['kernels', 'scripts', 'package.json'])
      cpSync(packageFile(part), join(other, part), { recursive: true });
    symlinkSync(packageFile('node_modules'), join(other, 'node_modules'));
    if (existsSync(packageFile('build/zig'))) {
      mkdirSync(join(other, 'build'));
      symlinkSync(packageFile('build/zig'), join(other, 'build/zig'));
    }
    const out = join(other, 'prebuilds');
    const script = join(other, 'scripts/build-prebuilds.js');
    const { stderr } = spawnSync('node', [script, out, 'arm64'], { encoding: 'utf8' });
    if (!existsSync(out)) skip(stderr);
    const { files } = JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8')) as Manifest;
    expect(Object.keys(files)).toHaveLength(2);
    expect(manifest!.files).toMatchObject(files);
  }, 600_000);

  for (const other of otherNodes) {
    test(`give the same bits under another Node: ${other}`, () => {
      const command = other.split(' ');
      const { output } = run([...command, program, 'doctor']);
      expect(output).toMatch(/would use the native backend: prebuilt for linux/);
      const here = train(['node'], 'runs/here');
      const there = train(command, 'runs/there');
      expect(there.weights.equals(here.weights)).toBe(true);
    }, 600_000);
  }
});
