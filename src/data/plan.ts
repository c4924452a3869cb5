import { createHash } from 'node:crypto';
import type { Config } from '../config/schema.js';
import { UserError } from '../errors.js';
import { storeVersion } from './manifest.js';
import {
  type FileStamp,
  listSources,
  type Source,
  splitName,
  stampSource,
  standardInput,
} from './sources.js';
import { checkFractions, type Fractions, type SplitName } from './split.js';

/** What preparing a corpus will read, and under which name it will be kept. */
export interface CorpusPlan {
  readonly sources: readonly PlannedSource[];
  /** Shares of `data.train` that are held out. */
  readonly fractions: Fractions;
  /** Whatever in the configuration changes the store's content. */
  readonly options: Record<string, unknown>;
  /** Name of the store's directory: a hash of the options and the names of the files. */
  readonly key: string;
}

export interface PlannedSource extends Source {
  /** The option that names the file. */
  readonly from: SplitName;
  /** See `splitName`. */
  readonly name: string;
  readonly stamp: FileStamp;
}

/**
 * Looks up the files and decides where the store lies; reads none of them.
 *
 * @throws UserError for missing files and impossible options.
 */
export async function planCorpus(config: Config): Promise<CorpusPlan> {
  const { data, task } = config;
  const fractions = {
    validation: typeof data.validation === 'number' ? data.validation : 0,
    test: typeof data.test === 'number' ? data.test : 0,
  };
  checkFractions(fractions);
  const sources = [
    ...(await planSources(config, 'train', data.train)),
    ...(await planSources(config, 'validation', data.validation)),
    ...(await planSources(config, 'test', data.test)),
  ];
  const options = {
    task,
    fractions,
    text: data.text,
    tokenizer: data.tokenizer,
    ...(task === 'classify'
      ? { label: data.label, maxLength: data.maxLength, truncate: data.truncate }
      : {}),
  };
  const files = sources.map(({ path, format, from }) => [path, format, from]);
  const key = hash({ storeVersion, options, files }).slice(0, 16);
  return { sources, fractions, options, key };
}

async function planSources(
  { data, task }: Config,
  from: SplitName,
  patterns: number | string[] | undefined,
): Promise<PlannedSource[]> {
  if (!Array.isArray(patterns)) return [];
  const sources = await listSources(patterns, data.format, `data.${from}`);
  for (const { path, format } of sources) {
    if (path === standardInput) {
      throw new UserError(`data.${from}: a corpus is read more than once, so it cannot be "-".`);
    }
    if (task === 'classify' && format === 'text') {
      throw new UserError(
        `data.${from}: ${path} is plain text, which has no labels: task classify expects CSV, TSV or JSONL.`,
      );
    }
  }
  return Promise.all(
    sources.map(async (source) => ({
      ...source,
      from,
      name: splitName(source),
      stamp: await stampSource(source),
    })),
  );
}

/** SHA-256 of a value as JSON, in hexadecimal; the keys' order counts. */
export function hash(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
