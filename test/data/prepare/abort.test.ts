import { readdir } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { afterEach, expect, test, vi } from 'vitest';
import { prepareCorpus } from '../../../src/data/prepare/prepare.js';
import type { PrepareEvent } from '../../../src/events.js';
import { useScratch } from '../scratch.js';
import { configureIn } from './corpora.js';

const scratch = useScratch();
afterEach(() => void vi.restoreAllMocks());

async function setUp() {
  const lines = Array.from({ length: 3000 }, (_, i) => `some words ${i % 97},${i % 2 ? 'a' : 'b'}`);
  const place = await scratch({ 'a.csv': `text,label\n${lines.join('\n')}\n` });
  return {
    place,
    config: configureIn(place, 'classify', { train: place.path('a.csv'), validation: 0 }),
  };
}

test.each(['survey', 'tokenize', 'vocabulary', 'write'] as const)(
  'a preparation that is aborted in its phase "%s" leaves nothing half, and the next one is as if it had not been',
  async (phase) => {
    const { place, config } = await setUp();
    const abort = new AbortController();
    const reason = new Error('aborted by the test');
    const phases = new Set<PrepareEvent['phase']>();
    const others: string[] = [];
    const aborted = prepareCorpus(
      config,
      (event) => {
        if (event.type !== 'prepare') return void others.push(event.type);
        phases.add(event.phase);
        if (event.phase === phase) abort.abort(reason);
      },
      { signal: abort.signal },
    );
    await expect(aborted).rejects.toBe(reason);
    expect([...phases].at(-1)).toBe(phase);
    // Threads that were ended are none that died.
    expect(others).toEqual([]);
    const left = await readdir(place.path('stores')).catch(() => []);
    expect(left.filter((name) => name !== 'pieces')).toEqual([]);
    const corpus = await prepareCorpus(config, () => undefined);
    expect(corpus.train.rows).toBe(3000);
    await corpus.close();
  },
);

test('a preparation that is aborted before it begins makes nothing', async () => {
  const { place, config } = await setUp();
  const aborted = prepareCorpus(config, () => undefined, { signal: AbortSignal.abort('no') });
  await expect(aborted).rejects.toBe('no');
  expect(await readdir(place.dir)).toEqual(['a.csv']);
});

test('a preparation that is aborted while standard input is copied is refused with the reason, too, and leaves nothing', async () => {
  const { place } = await setUp();
  const input = new PassThrough();
  input.write('text,label\nsome');
  vi.spyOn(process, 'stdin', 'get').mockReturnValue(input as never);
  const config = configureIn(place, 'classify', { train: '-', format: 'csv', validation: 0 });
  const abort = new AbortController();
  const aborted = prepareCorpus(
    config,
    (event) => {
      if (event.type === 'prepare' && event.phase === 'copy' && event.bytesDone > 0)
        abort.abort('enough');
    },
    { signal: abort.signal },
  );
  await expect(aborted).rejects.toBe('enough');
  expect(await readdir(place.dir)).toEqual(['a.csv']);
});
