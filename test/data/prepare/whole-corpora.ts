import { afterEach } from 'vitest';
import { type Config, configSchema } from '../../../src/config/schema.js';
import { prepareCorpus } from '../../../src/data/prepare/prepare.js';
import type { Corpus } from '../../../src/data/store/corpus.js';
import type { TokenStore } from '../../../src/data/store/token-store.js';
import type { TrainEvent } from '../../../src/events.js';
import type { Scratch } from '../scratch.js';
import { readRows } from '../stores.js';
import { startLocalPool } from './local-pool.js';

/** Corpora in parts as large as they usually are, with every word in the vocabulary. */

export type Data = Record<string, unknown>;

export function configureWhole({ path }: Scratch, task: string, data: Data): Config {
  return configSchema.parse({
    task,
    data: { tokenizer: { kind: 'word', minCount: 1 }, ...data, storeDir: path('stores') },
  });
}

/** Prepares corpora on this thread that are closed after the test; tells the phase that was the last. */
export function useWholePreparation() {
  const opened: Corpus[] = [];
  afterEach(async () => {
    for (const corpus of opened.splice(0)) await corpus.close();
  });
  return async (place: Scratch, data: Data, task = 'classify') => {
    const events: TrainEvent[] = [];
    const config = configureWhole(place, task, data);
    const listen = (event: TrainEvent): unknown => events.push(event);
    const corpus = await prepareCorpus(config, listen, { startPool: startLocalPool });
    opened.push(corpus);
    return { corpus, events, phase: events.findLast((event) => event.type === 'prepare')?.phase };
  };
}

export async function readAll(store: TokenStore) {
  const into = await readRows(store);
  return Array.from(into.labels, (label, i) => ({
    label,
    ids: [...into.tokens.subarray(into.rowStart[i], into.rowStart[i + 1])],
  }));
}

/** Every row of a store in words, with its class. */
export async function texts({ tokenizer, classes }: Corpus, store: TokenStore | undefined) {
  const rows = await readAll(store!);
  return rows.map(({ label, ids }) => [tokenizer.decode(ids), classes[label]]);
}

export const mails =
  'text,label\n' +
  Array.from({ length: 400 }, (_, i) => `mail ${i % 40},${i % 3 ? 'ham' : 'spam'}\n`).join('');
