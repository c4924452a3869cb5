import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readConfigText } from '../../src/config/config-text.js';
import { parseConfig } from '../../src/config/load.js';
import { UserError } from '../../src/errors.js';
import { packageFile } from '../../src/package-root.js';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function refuse(name: string, content?: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  if (content !== undefined) writeFileSync(path, content);
  const before = readdirSync(folder);
  const error = await readConfigText(path).catch((refusal: unknown) => refusal);
  expect(error).toBeInstanceOf(UserError);
  expect(readdirSync(folder)).toEqual(before);
  const { message } = error as UserError;
  return message.replace(`${path}: expected a config file, but `, '');
}

describe('a config file', () => {
  test('is text in UTF-8, of a sensible size', async () => {
    expect(await refuse('u.yaml', Buffer.from('\uFEFFtask: x', 'utf16le'))).toBe(
      'it is UTF-16: save it as UTF-8',
    );
    expect(await refuse('b.yaml', 'task: a\0b')).toBe('it is no text: byte 7 is 0');
    const latin = Buffer.from('# \uFFFD is fine\ndata: { train: caf\xe9.csv }\n');
    expect(
      await refuse('l.yaml', Buffer.from(latin.toString('latin1').replace('Ã©', 'é'), 'latin1')),
    ).toBe('line 2 is not UTF-8: save it as UTF-8');
    expect(await refuse('large.csv', 'x'.repeat(2 << 20))).toBe('it has more than 1048576 bytes');
  });

  test('is a regular file: nothing waits for a pipe, nor reads a device to its end', async () => {
    execFileSync('mkfifo', [join(folder, 'pipe.yaml')]);
    symlinkSync('loop.yaml', join(folder, 'loop.yaml'));
    expect(await refuse('pipe.yaml')).toBe('it is a pipe');
    expect(await refuse('.')).toBe('it is a directory');
    expect(await refuse('loop.yaml')).toMatch(/^it cannot be read: .* \(ELOOP\)$/);
    expect(await refuse('n'.repeat(300))).toMatch(/^it cannot be read: .* \(ENAMETOOLONG\)$/);
    expect(await refuse('gone.yaml')).toBe('there is no such file');
    expect(await refuse('u.yaml/x.yaml')).toMatch(/^it cannot be read: not a directory/);
    expect(await refuse('a\0b')).toBe('no name has a NUL');
    await expect(readConfigText('/dev/zero')).rejects.toThrow('but it is a device');
  });

  test('may be what the program was given as its input', () => {
    const source = packageFile('dist/src/config/config-text.js');
    const script = `import { readConfigText } from ${JSON.stringify(source)}; process.stdout.write(await readConfigText('/dev/stdin'));`;
    const args = ['--input-type=module', '-e', script];
    // By a shell's pipe: the one that Node would make is a socket.
    const command = `printf 'task: x' | "$0" "$@"`;
    const { stdout } = spawnSync('sh', ['-c', command, process.execPath, ...args]);
    expect(stdout.toString()).toBe('task: x');
  });
});

describe('what is no config is refused in one sentence', () => {
  const minimal = 'task: classify\ndata: { train: a.csv }\n';
  test.each([
    ['a CSV', 'text,label\n"a, b",spam\nc: d,ham\n', /is this a config, with keys such as task/],
    ['JSON lines', '{"text":"a"}\n{"text":"b"}\n', /^c\.yaml:2:1: .*is this a config/],
    ['text', 'hello\nworld\n', /^c\.yaml:1:1: expected a config, .* got "hello world"$/],
    ['several documents', `${minimal}---\n${minimal}`, /^c\.yaml:3:1: expected one YAML document/],
    ['a tag', 'task: classify\ndata: { train: !k/a.csv }\n', /^c\.yaml:2:16: Unresolved tag/],
    ['a group as a key', `${minimal}? [a, b]\n: c\n`, /^c\.yaml:3:3: expected the name of a key/],
    ['a long nesting', `${minimal}model: ${'['.repeat(9000)}`, /fewer groups and lists inside/],
    ['a shallower one', `${minimal}model: ${'['.repeat(400)}${']'.repeat(400)}`, /fewer groups/],
    ['a dash', 'task: classify\ndata:\n  train: -\n', /standard input is written "-"/],
    ['a dash in braces', 'task: classify\ndata: { train: - }\n', /standard input is written "-"/],
    ['a number as text', `${minimal}train: { seed: "3" }\n`, /got "3", which quotation marks make/],
    [
      'an unlikely key',
      `${minimal}"a\\nb\\e[1m": 3\n`,
      /^c\.yaml:3:1: "a\\nb\\u001b\[1m": unknown/,
    ],
  ])('%s', (_, text, sentence) => {
    const parse = () => parseConfig(text, 'c.yaml');
    expect(parse).toThrow(UserError);
    expect(parse).toThrow(sentence);
    expect(parse).not.toThrow(/\n/);
  });

  test.each([
    ['train.optimizer.epsilon', [1e-60, 1e39]],
    ['train.optimizer.learningRate', [1e-60]],
    ['train.optimizer.beta1', [1 - 1e-12, 1e-50]],
    ['train.optimizer.beta2', [1 - 1e-12]],
    ['train.clipNorm', [1e-60, 1e60]],
    ['model.dropout', [1 - 1e-12, 1e-60]],
  ])('a number that float32 turns into another kind: %s', (key, values) => {
    for (const value of values) {
      expect(() => parseConfig(minimal, 'c.yaml', [`${key}=${value}`])).toThrow(
        `--set ${key}=${value}: ${key}: expected a number that rounding to float32 turns into neither`,
      );
    }
    expect(() => parseConfig(minimal, 'c.yaml', [`${key}=0.25`])).not.toThrow();
  });

  test.each([
    '-',
    '|x',
    '!k/*.csv',
    '{a,b}.csv',
    '[ab].csv',
    '@a',
    '%a',
    '#1.csv',
    'a.csv #2.csv',
    'a\t#.csv',
    '&a',
    '`a`',
    '*',
  ])('but --set takes %s as it is', (path) => {
    expect(parseConfig(minimal, 'c.yaml', [`data.train=${path}`]).data.train).toEqual([path]);
  });

  test('and --set takes any delimiter, and lists and groups still', () => {
    for (const delimiter of [';', ',', '|', '\t', '#', '-', '&']) {
      const { data } = parseConfig(minimal, 'c.yaml', [`data.delimiter=${delimiter}`]);
      expect(data.delimiter).toBe(delimiter);
    }
    const { data } = parseConfig(minimal, 'c.yaml', ['data.train=[a.csv, {path: b.csv} ] ']);
    expect(data.train).toEqual(['a.csv', { path: 'b.csv', weight: 1 }]);
  });
});
