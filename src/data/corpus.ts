import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.js';
import { errorCode } from './error-code.js';
import { type Manifest, manifestName, manifestSchema } from './manifest.js';
import { openTokenStore, type TokenStore } from './token-store.js';
import { tokenizerFromJson } from './tokenizers/kinds.js';
import type { Tokenizer } from './tokenizers/tokenizer.js';

/** A prepared corpus: its vocabulary and its splits, opened for reading. */
export interface Corpus {
  readonly tokenizer: Tokenizer;
  /** Names in the order of their ids; empty for language models. */
  readonly classes: string[];
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
  /** How often an epoch shows each of them. */
  readonly weight: number;
}

/**
 * Opens the store in `dir`.
 *
 * @param weights Of the manifest's sources.
 * @throws UserError when a file is missing or damaged.
 */
export async function openCorpus(
  dir: string,
  manifest: Manifest,
  weights: readonly number[],
): Promise<Corpus> {
  const opened: TokenStore[] = [];
  const close = async (): Promise<void> => {
    for (const store of opened) await store.close();
  };
  const openSplit = (name: keyof Manifest['splits']): TokenStore | undefined => {
    const split = manifest.splits[name];
    if (split === undefined) return undefined;
    const store = openTokenStore(dir, name, split, manifest.idBytes);
    opened.push(store);
    return store;
  };
  try {
    const train = openSplit('train');
    const validation = openSplit('validation');
    const test = openSplit('test');
    return {
      tokenizer: tokenizerFromJson(manifest.tokenizer),
      classes: manifest.classes,
      train: train!,
      ...(validation && { validation }),
      ...(test && { test }),
      fingerprint: manifest.fingerprint,
      storeDir: dir,
      sources: manifest.sources.map((source) => source.path),
      trainSources: manifest.splits.train.sources.map(({ source, rows, tokens }) => ({
        rows,
        tokens,
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
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error))) return undefined;
    throw error;
  }
  const manifest = manifestSchema.safeParse(parseJson(text));
  if (manifest.success) return manifest.data;
  throw new UserError(`${path} is damaged: expected the manifest of a token store.`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
