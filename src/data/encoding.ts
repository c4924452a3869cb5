import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config/schema.js';
import { UserError } from '../errors.js';
import { listNames } from './columns.js';
import { encodeRow } from './encode-row.js';
import { type Example, readSource } from './examples.js';
import type { Manifest, ManifestSource, SplitManifest } from './manifest.js';
import { storeVersion } from './manifest.js';
import { type CorpusPlan, hash, type PlannedSource } from './plan.js';
import type { PrepareProgress } from './progress.js';
import { stampSource } from './sources.js';
import { dealRows, type SplitName } from './split.js';
import { SplitWriter } from './split-writer.js';
import { alignPieces, cutPieces, readStream } from './stream.js';
import { totalBytes, uncut, type Vocabulary } from './vocabulary.js';

type Writers = ReadonlyMap<SplitName, SplitWriter>;

/**
 * Encodes every source of a corpus into the files of a token store.
 *
 * @param dir An empty directory.
 * @returns The manifest of what was written, which is on disk then.
 * @throws UserError for bad rows and for sources that change meanwhile.
 */
export async function encodeCorpus(
  config: Config,
  plan: CorpusPlan,
  vocabulary: Vocabulary,
  dir: string,
  progress: PrepareProgress,
): Promise<Manifest> {
  const { tokenizer, classes } = vocabulary;
  const idBytes = tokenizer.vocabularySize <= 2 ** 16 ? 2 : 4;
  const writers = await createWriters(plan, dir, idBytes);
  progress.begin('tokenize', totalBytes(plan.sources));
  const sources: ManifestSource[] = [];
  try {
    for (const [index, source] of plan.sources.entries()) {
      const content = createHash('sha256');
      const observe = (bytes: Uint8Array): void => {
        content.update(bytes);
        progress.observe(bytes);
      };
      const encode = config.task === 'classify' ? encodeRows : encodeStream;
      await encode({ config, plan, vocabulary, source, index, writers, observe, progress });
      await requireUnchanged(source);
      const { path, name, from, stamp } = source;
      sources.push({ path, name, from, ...stamp, sha256: content.digest('hex') });
    }
    const contents = sources.map(({ name, from, sha256 }) => [name, from, sha256]);
    return {
      version: storeVersion,
      fingerprint: hash({ storeVersion, options: plan.options, contents }),
      options: plan.options,
      sources,
      tokenizer: tokenizer.toJSON(),
      classes,
      idBytes,
      splits: await finishSplits(plan, writers, dir),
    };
  } finally {
    for (const writer of writers.values()) await writer.abandon();
  }
}

interface Encoding {
  readonly config: Config;
  readonly plan: CorpusPlan;
  readonly vocabulary: Vocabulary;
  readonly source: PlannedSource;
  /** Of the source in the manifest. */
  readonly index: number;
  readonly writers: Writers;
  readonly observe: (bytes: Uint8Array) => void;
  readonly progress: PrepareProgress;
}

async function encodeRows(encoding: Encoding): Promise<void> {
  const { config, plan, vocabulary, source, index, writers, observe, progress } = encoding;
  const { tokenizer, classes } = vocabulary;
  const labels = new Map(classes.map((name, id) => [name, id]));
  const splitOf =
    source.from === 'train' ? dealRows(source.name, plan.fractions) : () => source.from;
  for await (const { rows: examples } of readSource(source, config.data, undefined, observe)) {
    for (const example of examples) {
      const label = labels.get(example.label!);
      if (label === undefined) throw unknownClass(example, classes);
      const ids = encodeRow(tokenizer, example.text, config.data);
      const writer = writers.get(splitOf(example.row))!;
      writer.appendTokens(ids);
      writer.endRow(label, index, example.row);
      progress.rows += 1;
      progress.tokens += ids.length;
    }
    await flush(writers);
  }
}

function unknownClass({ source, line, label }: Example, classes: readonly string[]): UserError {
  return new UserError(
    `${source}, line ${line}: the class ${JSON.stringify(label)} has no row in the training split, ` +
      `which has ${listNames(classes)}.`,
  );
}

async function encodeStream(encoding: Encoding): Promise<void> {
  const { config, vocabulary, source, index, writers, observe, progress } = encoding;
  const { tokenizer, cuts } = vocabulary;
  const stream = readStream(source, config.data.text, observe);
  const pieces = cutPieces(stream, cuts.get(source) ?? uncut);
  for await (const { split, text } of alignPieces(pieces, (each) => tokenizer.cut(each))) {
    const ids = tokenizer.encode(text);
    writers.get(source.from === 'train' ? split : source.from)!.appendTokens(ids);
    progress.tokens += ids.length;
    await flush(writers);
  }
  for (const writer of writers.values()) {
    if (writer.rowIsEmpty) continue;
    writer.endRow(-1, index, 1);
    progress.rows += 1;
  }
}

async function createWriters(plan: CorpusPlan, dir: string, idBytes: 2 | 4): Promise<Writers> {
  const names = (['train', 'validation', 'test'] as const).filter(
    (name) =>
      (name !== 'train' && plan.fractions[name] > 0) ||
      plan.sources.some(({ from }) => from === name),
  );
  const writers = new Map<SplitName, SplitWriter>();
  for (const name of names) writers.set(name, await SplitWriter.create(dir, name, idBytes));
  return writers;
}

async function flush(writers: Writers): Promise<void> {
  for (const writer of writers.values()) await writer.flush();
}

async function requireUnchanged(source: PlannedSource): Promise<void> {
  const { bytes, modified } = await stampSource(source);
  if (bytes === source.stamp.bytes && modified === source.stamp.modified) return;
  throw new UserError(`${source.path} changed while it was read: start again when it is complete.`);
}

async function finishSplits(
  plan: CorpusPlan,
  writers: Writers,
  dir: string,
): Promise<Manifest['splits']> {
  const finished: Partial<Record<SplitName, SplitManifest>> = {};
  for (const [name, writer] of writers) {
    const split = await writer.finish();
    if (split.tokens > 0) {
      finished[name] = split;
      continue;
    }
    // A fraction of a small corpus may be nothing; files that hold nothing are a mistake.
    if (name === 'train' || plan.fractions[name] === 0) {
      throw new UserError(`data.${name} has no text: the files are empty.`);
    }
    await rm(join(dir, `${name}.tokens`));
    await rm(join(dir, `${name}.rows`));
  }
  const { train, ...held } = finished;
  return { train: train!, ...held };
}
