/** Changes every byte of token stores and of the pieces that they are made of, one after the other. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
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

const corpora = {
  classify: {
    file: 'rows.csv',
    content: `text,label\n${rows.join('')}one,two,three\n`,
    data: { onBadRow: 'quarantine', tokenizer: { kind: 'word', minCount: 1 } },
  },
  'language-model': {
    file: 'text.txt',
    content: rows.join('\n'),
    data: { tokenizer: { kind: 'bpe', vocabularySize: 300 } },
  },
};

/** Of which there are corpora. */
export const tasks = Object.keys(corpora);

/** As `flipCorpus`, for one in `stride` bytes of every corpus; throws at the first change that is no good. */
export async function flipSample(folder, stride) {
  const found = [];
  for (const task of tasks) {
    const counts = { store: {}, pieces: {} };
    await flipCorpus(task, folder, stride, ({ part, what, outcome }) => {
      if (outcome === undefined) return;
      if (isBad(outcome)) throw new Error(`${what}: ${outcome}`);
      counts[part][outcome] = (counts[part][outcome] ?? 0) + 1;
    });
    found.push(counts);
  }
  return found;
}

/** Whether an outcome is one that must not be: what is damaged is refused, made anew or of no account. */
export function isBad(outcome) {
  return !['refused', 'made anew', 'harmless'].includes(outcome);
}

/** One in so many changes that have something made anew is followed to the end. */
const followed = 16;

/**
 * Changes one in `stride` bytes of a corpus's store and of the pieces that it is made of, each alone.
 *
 * What is not accepted is made anew as if it were not there, whichever byte of it is changed: what becomes of that is
 * looked at for one in `followed` of such changes.
 *
 * @param {(trial: {part: string, what: string, done: number, of: number, outcome?: string}) => void} hear Told
 *   of every trial, when it begins and, with its outcome, when it has ended.
 */
export async function flipCorpus(task, folder, stride, hear) {
  const { file, content, data } = corpora[task];
  const storeDir = path.join(folder, `${task}-stores`);
  writeFileSync(path.join(folder, file), content);
  const train = path.join(folder, file);
  const config = configSchema.parse({ task, workers: 1, data: { ...data, train, storeDir } });
  const made = await prepareCorpus(config, () => undefined, { sizes });
  await made.close();
  const [dir, pieces] = [made.storeDir, path.join(storeDir, 'pieces')];
  const whole = digestFiles(dir);
  const read = await readAll(dir);
  await flipFiles(dir, stride, tell('store', hear), async (name) => {
    const seen = await readAll(dir).catch((error) => {
      if (error instanceof UserError && error.message.includes(name)) return 'refused';
      throw error;
    });
    if (seen === 'refused') return seen;
    return seen === read ? 'harmless' : 'different';
  });
  const place = {
    cacheDir: pieces,
    dir: path.join(folder, `${task}-built`),
    scratch: path.join(folder, `${task}-scratch`),
  };
  let trialsNoticed = 0;
  await flipFiles(pieces, stride, tell('pieces', hear), async (name) => {
    mkdirSync(place.dir);
    mkdirSync(place.scratch);
    let noticed = false;
    const notice = () => {
      if (noticed) return;
      noticed = true;
      if (trialsNoticed++ % followed !== 0) throw new Noticed();
    };
    const listener = ({ type, message }) => {
      if (type !== 'notice') return;
      if (!message.includes(`${name} is damaged`)) throw new Error(message);
      notice();
    };
    const startPool = (workers, handle) => startHere(workers, handle, notice);
    try {
      const plan = await planCorpus(config, () => undefined);
      const progress = new PrepareProgress(() => undefined, storeDir);
      await buildStore(config, plan, place, progress, listener, { sizes, startPool });
      if (digestFiles(place.dir) !== whole) return 'different';
    } catch (error) {
      if (!(error instanceof Noticed)) throw error;
    } finally {
      rmSync(place.dir, { recursive: true });
      rmSync(place.scratch, { recursive: true });
    }
    return noticed ? 'made anew' : 'harmless';
  });
}

/** What was changed counts as not kept. */
class Noticed extends Error {}

const tell = (part, hear) => (trial) => hear({ part, ...trial });

/** Works whose results are kept. */
const keptWorks = ['learnBpe', 'survey', 'cut'];

/** Does the work of preparing on this thread; `notice` is called before what is not kept is made. */
function startHere(workers, handle, notice) {
  const work = joinPreparation(handle);
  return {
    workers,
    run: async (name, input) => {
      if (keptWorks.includes(name)) notice();
      return readReply(await work({ name, input }));
    },
    close: () => Promise.resolve(),
  };
}

/** Changes each file's bytes, cuts its last one off and adds one; `look` says what comes of it. */
async function flipFiles(dir, stride, hear, look) {
  const files = listFiles(dir).map((name) => path.join(dir, name));
  const positions = files.map((file) => 2 + Math.ceil(statSync(file).size / stride));
  const of = positions.reduce((sum, count) => sum + count, 0);
  let done = 0;
  for (const file of files) {
    const bytes = readFileSync(file);
    const attempt = async (change, changed) => {
      const what = `${change} of ${path.relative(dir, file)}`;
      hear({ what, done, of });
      writeFileSync(file, changed);
      const outcome = await look(path.basename(file)).catch((error) => `fails: ${error.stack}`);
      writeFileSync(file, bytes);
      done += 1;
      hear({ what, done, of, outcome });
    };
    for (let at = 0; at < bytes.length; at += stride) {
      const changed = Buffer.from(bytes);
      changed[at] ^= 1 << (at % 8);
      await attempt(`a flip at ${at}`, changed);
    }
    await attempt('the loss of the last byte', bytes.subarray(0, -1));
    await attempt('a byte behind the end', Buffer.concat([bytes, Buffer.of(0)]));
  }
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

const sorted = { rows: 'apart', seed: 1, shuffle: true, bucketBatches: 3 };

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
          : createBatches(store, { rows: 'joined', batchSize, sequenceLength: 5 });
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
