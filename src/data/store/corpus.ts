import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../errors.js';
import { manifestName, quarantineName } from './file-names.js';
import { type Manifest, manifestSchema } from './manifest.js';
import { missingAsUndefined, unseal } from './sealed-json.js';
import { openTokenStore, type TokenStore } from './token-store.js';
import type { FeatureVocabulary } from '../features/features.js';
import { tokenizerFromJson } from '../tokenizers/kinds.js';
import type { TargetScale } from '../../tasks/target-scale.js';
import type { Tokenizer } from '../tokenizers/tokenizer.js';

/** A prepared corpus: its vocabulary and its splits, opened for reading. */
export interface Corpus {
  readonly tokenizer: Tokenizer;
  /** Of pairs that of the sources, where it is another one. */
  readonly sourceTokenizer?: Tokenizer | undefined;
  /** Names in the order of their ids; empty for language models. */
  readonly classes: string[];
  /** What numbers are standardised by, where rows have numbers. */
  readonly targetScale?: TargetScale | undefined;
  /** What is known of tokens beside, and the values of it that have an id. */
  readonly features: readonly FeatureVocabulary[];
  readonly train: TokenStore;
  readonly validation?: TokenStore;
  readonly test?: TokenStore;
  /** SHA-256 of the sources' contents and of every option that changes what is in the store. */
  readonly fingerprint: string;
  readonly storeDir: string;
  /** Paths of the sources, in the order in which `TokenStore.locate` counts them. */
  readonly sources: readonly string[];
  /** What the training split has of each source, in the order in which it lies there. */
  readonly trainSources: readonly TrainSource[];
  readonly manifest: Manifest;
  close(): Promise<void>;
}

export interface TrainSource {
  readonly rows: number;
  readonly tokens: number;
  /** Where rows are pairs: tokens of their sources; absent in stores from before that was counted, where no source has a weight. */
  readonly sourceTokens?: number | undefined;
  /** How often an epoch shows each of them. */
  readonly weight: number;
}

/**
 * Opens the store in `dir`.
 *
 * @param weights Of the manifest's sources.
 * @param finalDir Where the store will be: the directory in messages.
 * @throws UserError when a file is missing or damaged.
 */
export async function openCorpus(
  dir: string,
  manifest: Manifest,
  weights: readonly number[],
  finalDir = dir,
): Promise<Corpus> {
  await requireQuarantine(dir, finalDir, manifest);
  const vocabulary = {
    tokenizer: tokenizerFromJson(manifest.tokenizer),
    ...(manifest.sourceTokenizer && {
      sourceTokenizer: tokenizerFromJson(manifest.sourceTokenizer),
    }),
    classes: manifest.classes,
    ...(manifest.targetScale && { targetScale: manifest.targetScale }),
    features: manifest.features ?? [],
  };
  const opened: TokenStore[] = [];
  const close = async (): Promise<void> => {
    for (const store of opened) await store.close();
  };
  const openSplit = (name: keyof Manifest['splits']): TokenStore | undefined => {
    const split = manifest.splits[name];
    if (split === undefined) return undefined;
    const store = openTokenStore(dir, name, split, manifest.idBytes, finalDir, vocabulary);
    opened.push(store);
    return store;
  };
  try {
    const train = openSplit('train');
    const validation = openSplit('validation');
    const test = openSplit('test');
    return {
      ...vocabulary,
      train: train!,
      ...(validation && { validation }),
      ...(test && { test }),
      fingerprint: manifest.fingerprint,
      storeDir: finalDir,
      sources: manifest.sources.map((source) => source.path),
      trainSources: manifest.splits.train.sources.map(({ source, ...counts }) => ({
        ...counts,
        weight: weights[source]!,
      })),
      manifest,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Reads the manifest of the store in `dir`.
 *
 * @returns undefined when there is no store.
 * @throws UserError when the manifest is damaged.
 */
export async function readManifest(dir: string): Promise<Manifest | undefined> {
  const path = join(dir, manifestName);
  const text = await readFile(path, 'utf8').catch(missingAsUndefined);
  if (text === undefined) return undefined;
  const manifest = manifestSchema.safeParse(unseal(text));
  if (manifest.success) return manifest.data;
  throw new UserError(`${path} is damaged: expected the manifest of a token store.`);
}

/** It is read by people alone: so it is looked at once, when the store is opened. */
async function requireQuarantine(
  dir: string,
  finalDir: string,
  { quarantine }: Manifest,
): Promise<void> {
  if (quarantine === null) return;
  const path = join(finalDir, quarantineName);
  const found = await describeFile(join(dir, quarantineName));
  if (found === undefined) throw new UserError(`The token store lacks its file ${path}.`);
  if (found.bytes === quarantine.bytes && found.sha256 === quarantine.sha256) return;
  throw new UserError(`${path} is damaged: it is not what the manifest says.`);
}

/** What the manifest says of a file that is not read by position; undefined where there is none. */
export async function describeFile(
  path: string,
): Promise<{ bytes: number; sha256: string } | undefined> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const part of createReadStream(path) as AsyncIterable<Buffer>) {
      hash.update(part);
      bytes += part.length;
    }
  } catch (error) {
    missingAsUndefined(error);
    return undefined;
  }
  return { bytes, sha256: hash.digest('hex') };
}
