/** Changes every byte of token stores and of the pieces that they are made of, one after the other. */
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { configSchema } from '../../dist/src/config/schema.js';
import { createBatches } from '../../dist/src/data/batches/batches.js';
import { openCorpus, readManifest } from '../../dist/src/data/store/corpus.js';
import { planCorpus } from '../../dist/src/data/prepare/plan.js';
import { prepareCorpus } from '../../dist/src/data/prepare/prepare.js';
import { buildStore } from '../../dist/src/data/prepare/build.js';
import { readReply } from '../../dist/src/data/prepare/pool.js';
import { joinPreparation } from '../../dist/src/data/prepare/work/works.js';
import { PrepareProgress } from '../../dist/src/data/prepare/progress.js';
import { UserError } from '../../dist/src/errors.js';

/** So small that the corpora below are many extents, and those several pieces. */
const sizes = { extentBytes: 600, pieceLength: 400 };

const rows = Array.from(
  { length: 40 },
  (_, i) => `w${i % 7} text ${i} of ${(i * i) % 11},${i % 3 ? 'ham' : 'spam'}\n`,
);

const corpora = [
  {
    file: 'rows.csv',
    content: `text,label\n${rows.join('')}one,two,three\n`,
    task: 'classify',
    data: { onBadRow: 'quarantine', tokenizer: { kind: 'word', minCount: 1 } },
  },
  {
    file: 'text.txt',
    content: rows.join('\n'),
    task: 'language-model',
    data: { tokenizer: { kind: 'bpe', vocabularySize: 300 } },
  },
];

export async function measureFlips() {
  const folder = mkdtempSync(path.join(tmpdir(), 'lockstep-flips-'));
  const began = performance.now();
  for (const corpus of corpora) {
    for (const [part, counts] of Object.entries(await flipCorpus(corpus, folder, 1))) {
      console.log(`${corpus.task}, ${part}: ${JSON.stringify(counts)}`);
    }
  }
  rmSync(folder, { recursive: true });
  console.log(`Nothing different, in ${Math.round((performance.now() - began) / 1000)} s.`);
}

/** As `measureFlips`, for one in `stride` bytes; throws at the first change that makes a difference. */
export async function flipSample(folder, stride) {
  const found = [];
  for (const corpus of corpora) found.push(await flipCorpus(corpus, folder, stride));
  return found;
}

async function flipCorpus({ file, content, task, data }, folder, stride) {
  const storeDir = path.join(folder, `${task}-stores`);
  writeFileSync(path.join(folder, file), content);
  const train = path.join(folder, file);
  const config = configSchema.parse({ task, workers: 1, data: { ...data, train, storeDir } });
  const made = await prepareCorpus(config, () => undefined, sizes);
  await made.close();
  const [dir, pieces] = [made.storeDir, path.join(storeDir, 'pieces')];
  const whole = digestFiles(dir);
  const read = await readAll(dir);
  return {
    store: await flipFiles(dir, stride, async (name) => {
      const seen = await readAll(dir).catch((error) => {
        if (error instanceof UserError && error.message.includes(name)) return 'refused';
        throw error;
      });
      if (seen === 'refused') return seen;
      return seen === read ? 'harmless' : 'DIFFERENT';
    }),
    pieces: await flipFiles(pieces, stride, async () => {
      const place = {
        cacheDir: pieces,
        dir: path.join(folder, 'built'),
        scratch: path.join(folder, 'scratch'),
      };
      mkdirSync(place.dir);
      mkdirSync(place.scratch);
      let anew = false;
      const listener = ({ type }) => (anew ||= type === 'notice');
      const plan = await planCorpus(config, () => undefined);
      const progress = new PrepareProgress(() => undefined, storeDir);
      await buildStore(config, plan, place, progress, listener, sizes, startHere);
      const built = digestFiles(place.dir);
      rmSync(place.dir, { recursive: true });
      rmSync(place.scratch, { recursive: true });
      if (built !== whole) return 'DIFFERENT';
      return anew ? 'made anew' : 'harmless';
    }),
  };
}

/** Does the work of preparing on this thread. */
function startHere(workers, handle) {
  const work = joinPreparation(handle);
  return {
    workers,
    run: async (name, input) => readReply(await work({ name, input })),
    close: () => Promise.resolve(),
  };
}

/** Changes each file's bytes, cuts its last one off and adds one; counts what comes of it. */
async function flipFiles(dir, stride, look) {
  const counts = {};
  for (const name of listFiles(dir)) {
    const file = path.join(dir, name);
    const bytes = readFileSync(file);
    const attempt = async (what, changed) => {
      writeFileSync(file, changed);
      const outcome = await look(path.basename(name));
      if (outcome === 'DIFFERENT') throw new Error(`${what} of ${file} makes a difference`);
      counts[outcome] = (counts[outcome] ?? 0) + 1;
      writeFileSync(file, bytes);
    };
    for (let at = 0; at < bytes.length; at += stride) {
      const changed = Buffer.from(bytes);
      changed[at] ^= 1 << (at % 8);
      await attempt(`a flip at ${at}`, changed);
    }
    await attempt('the loss of the last byte', bytes.subarray(0, -1));
    await attempt('a byte behind the end', Buffer.concat([bytes, Buffer.of(0)]));
  }
  return counts;
}

function listFiles(dir) {
  const names = readdirSync(dir, { recursive: true }).sort();
  return names.filter((name) => statSync(path.join(dir, name)).isFile());
}

/** Of all files but the manifest, which tells the times of its sources. */
function digestFiles(dir) {
  const hash = createHash('sha256');
  for (const name of listFiles(dir)) {
    if (name === 'manifest.json') continue;
    hash.update(name).update(readFileSync(path.join(dir, name)));
  }
  return hash.digest('hex');
}

const sorted = { task: 'classify', seed: 1, shuffle: true, bucketBatches: 3 };

/** What training and evaluation get of a store: every batch of every split, and what the manifest says. */
async function readAll(dir) {
  const manifest = await readManifest(dir);
  const corpus = await openCorpus(dir, manifest, [1]);
  const hash = createHash('sha256').update(JSON.stringify(manifest));
  try {
    for (const store of [corpus.train, corpus.validation]) {
      const batchSize = 4;
      const source =
        corpus.classes.length > 0
          ? createBatches(store, { ...sorted, batchSize })
          : createBatches(store, { task: 'language-model', batchSize, sequenceLength: 5 });
      const batch = {
        rows: 0,
        startsFresh: false,
        tokens: new Int32Array(source.maxTokens),
        rowStart: new Int32Array(source.maxRows + 1),
        labels: new Int32Array(source.maxRows),
        targets: new Int32Array(source.maxTokens),
      };
      for (let step = 0; step < source.stepsPerEpoch; step++) {
        await source.read(step, batch);
        for (const part of [batch.tokens, batch.rowStart, batch.labels, batch.targets]) {
          hash.update(part);
        }
      }
    }
    return hash.digest('hex');
  } finally {
    await corpus.close();
  }
}
