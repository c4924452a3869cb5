import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import { UserError } from '../../src/errors.js';
import { RunDirectory } from '../../src/run/run-directory.js';
import type { RunStart } from '../../src/run/history.js';

const directory = mkdtempSync(join(tmpdir(), 'lockstep-history-'));
const run = new RunDirectory(directory);
const file = (name: string) => join(directory, name);

const start: RunStart = {
  ...{ time: '2030-01-02T03:04:05.678Z', version: '1.2.3', profile: 'fma-float32' },
  ...{ backend: 'native', workers: 2, fromStep: 0, overridden: [] },
  changes: [{ key: 'workers', to: 1 }],
};

beforeAll(async () => {
  writeFileSync(file('source.yaml'), 'task: classify\ndata: { train: a.csv }\n');
  const config = await loadConfig(file('source.yaml'));
  await run.begin({ config, vocabulary: '', history: [start] });
});
afterAll(() => rmSync(directory, { recursive: true }));

/** What is read, told or refused after something was done to a file, which is then put back. */
async function readAfter(name: string, damage: (bytes: Buffer) => Buffer) {
  const whole = readFileSync(file(name));
  writeFileSync(file(name), damage(Buffer.from(whole)));
  const told: string[] = [];
  try {
    return { starts: await run.readHistory((message) => told.push(message)), told };
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return { refused: (error as UserError).message };
  } finally {
    writeFileSync(file(name), whole);
  }
}

it('the history that was written is read, without a word', async () => {
  const whole = await readAfter('history.json', (bytes) => bytes);
  expect(whole).toEqual({ starts: [start], told: [] });
});

it('a flip anywhere in the history is refused with its file, or harmless', async () => {
  const { length } = readFileSync(file('history.json'));
  let refused = 0;
  for (let place = 0; place < length; place++) {
    const outcome = await readAfter('history.json', (bytes) => {
      bytes[place]! ^= 1 << (place % 8);
      return bytes;
    });
    if (outcome.refused === undefined) {
      expect(outcome, `byte ${place}`).toEqual({ starts: [start], told: [] });
    } else {
      expect(outcome.refused).toContain(`${file('history.json')}: damaged: expected the starts`);
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(0.7 * length);
});

it('a flip anywhere in config.yaml is told with its file', async () => {
  const { length } = readFileSync(file('config.yaml'));
  for (let place = 0; place < length; place++) {
    const outcome = await readAfter('config.yaml', (bytes) => {
      bytes[place]! ^= 1 << (place % 8);
      return bytes;
    });
    expect(outcome, `byte ${place}`).toEqual({
      starts: [start],
      told: [
        `${file('config.yaml')} is not as the run's last start on record wrote it: it was edited or damaged since, or another start was cut off`,
      ],
    });
  }
});

it('a history of an early version, without a seal, is read', async () => {
  const outcome = await readAfter('history.json', () =>
    Buffer.from(JSON.stringify({ version: 1, starts: [start] })),
  );
  expect(outcome).toEqual({ starts: [start], told: [] });
});

it('a history whose seal was taken away is refused', async () => {
  const outcome = await readAfter('history.json', (bytes) => {
    const { digest, ...rest } = JSON.parse(bytes.toString()) as Record<string, unknown>;
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    return Buffer.from(JSON.stringify(rest));
  });
  expect(outcome.refused).toMatch(/damaged/);
});
