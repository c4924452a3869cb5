/**
 * Makes a corpus of many gigabytes from real text, to try preparing and training on more than memory holds:
 *
 *   node scripts/datasets.js moby-dick && node scripts/datasets.js spam-assassin
 *   node scripts/big-corpus.js --out data/big --gigabytes 5
 *   npx lockstep prepare --config configs/big.yaml --set 'data.train=["data/big/*"]'
 *
 * Rows are sentences of a book and of mails, put together anew by a seeded generator; one in four names a number
 * of its own, as logs and mails do, so that there are millions of different words. Files come in turn as gzipped CSV,
 * JSON Lines and Parquet, of about 128 MiB of text each. The same bytes come out on every machine.
 */
import '../bin/node-version.js';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile, rename } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { isMainThread, workerData } from 'node:worker_threads';
import { createGzip } from 'node:zlib';
import { parseString } from 'fast-csv';
import { parquetWriteFile } from 'hyparquet-writer';
import { Piscina } from 'piscina';
import yargs from 'yargs';
import { formatBytes } from '../dist/src/observe/figures.js';
import { philox } from '../dist/src/tensor/random.js';

const FILE_BYTES = 128 * 2 ** 20;
const LAYOUTS = ['csv.gz', 'jsonl', 'parquet'];
const LABELS = ['book', 'ham', 'spam'];

/** Sentences by label. */
async function readSentences(data) {
  const book = await readFile(path.join(data, 'moby-dick', 'moby-dick.txt'), 'utf8');
  const mails = [];
  const csv = await readFile(path.join(data, 'spam-assassin', 'train.csv'), 'utf8');
  for await (const mail of parseString(csv, { headers: true })) mails.push(mail);
  const cut = (text) =>
    text
      .split(/(?<=[.!?])\s+/)
      .map((sentence) => sentence.replace(/\s+/g, ' ').trim())
      .filter(Boolean);
  const ofLabel = (label) => mails.filter((mail) => mail.label === label).map(({ text }) => text);
  return LABELS.map((label) => cut(label === 'book' ? book : ofLabel(label).join('\n\n')));
}

/** Rows of one file, the same for the same number. */
function* makeRows(sentences, file) {
  let bytes = 0;
  for (let row = 0; bytes < FILE_BYTES; row++) {
    const [kind, count, number, seed] = philox([row, file, 0, 0], [5, 0]);
    const label = kind % LABELS.length;
    const words = [];
    for (let i = 0; i < 1 + (count % 6); i++) {
      const [pick] = philox([row, file, 1 + i, 0], [seed, 0]);
      words.push(sentences[label][pick % sentences[label].length]);
    }
    if (number % 4 === 0) words.push(`Number ${number.toString(36)}.`);
    const text = words.join(' ');
    bytes += Buffer.byteLength(text);
    yield { text, label: LABELS[label] };
  }
}

const quote = (cell) => `"${cell.replaceAll('"', '""')}"`;

/** Rows as text, in pieces of about 64 KiB: a stream of single lines would be mostly overhead. */
function* inPieces(rows, format, head = '') {
  let piece = head;
  for (const row of rows) {
    piece += format(row);
    if (piece.length > 65_536) {
      yield piece;
      piece = '';
    }
  }
  yield piece;
}

/** Writes one file; what is there under its final name is whole. */
export default async function writeFile({ file, folder }) {
  const layout = LAYOUTS[file % LAYOUTS.length];
  const name = path.join(folder, `part-${String(file).padStart(4, '0')}.${layout}`);
  const rows = makeRows(workerData.sentences, file);
  if (layout === 'parquet') {
    const all = [...rows];
    parquetWriteFile({
      filename: `${name}.partial`,
      columnData: ['text', 'label'].map((column) => ({
        name: column,
        data: all.map((row) => row[column]),
        type: 'STRING',
      })),
      rowGroupSize: 20_000,
    });
  } else if (layout === 'jsonl') {
    const pieces = inPieces(rows, (row) => `${JSON.stringify(row)}\n`);
    await pipeline(Readable.from(pieces), createWriteStream(`${name}.partial`));
  } else {
    const pieces = inPieces(rows, ({ text, label }) => `${quote(text)},${label}\n`, 'text,label\n');
    await pipeline(
      Readable.from(pieces),
      createGzip({ level: 1 }),
      createWriteStream(`${name}.partial`),
    );
  }
  await rename(`${name}.partial`, name);
}

if (isMainThread) {
  const { out, gigabytes, data } = await yargs(process.argv.slice(2))
    .options({
      out: { default: 'data/big', describe: 'Folder to write to' },
      gigabytes: { type: 'number', default: 5, describe: 'Text to make, in 10⁹ bytes' },
      data: { default: 'data', describe: 'Where scripts/datasets.js has put its data' },
    })
    .strict()
    .check(({ gigabytes }) => {
      if (!(gigabytes > 0)) throw new Error('--gigabytes: expected a number above 0');
      return true;
    })
    .parse();
  const sentences = await readSentences(data).catch((error) => {
    if (error.code !== 'ENOENT') throw error;
    console.error(
      `${error.path}: no such file; make it with node scripts/datasets.js moby-dick && node scripts/datasets.js spam-assassin`,
    );
    process.exit(1);
  });
  await mkdir(out, { recursive: true });
  const files = Math.ceil((gigabytes * 1e9) / FILE_BYTES);
  const pool = new Piscina({
    filename: fileURLToPath(import.meta.url),
    maxThreads: availableParallelism(),
    workerData: { sentences },
  });
  let done = 0;
  await Promise.all(
    Array.from({ length: files }, async (_, file) => {
      await pool.run({ file, folder: out });
      done++;
      process.stdout.write(
        `${done} of ${files} files, ${formatBytes(done * FILE_BYTES)} of text\n`,
      );
    }),
  );
}
