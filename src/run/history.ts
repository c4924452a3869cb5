import { createHash } from 'node:crypto';
import * as z from 'zod';
import { seal, unseal } from '../data/store/sealed-json.js';
import type { ConfigChange } from './config-changes.js';

/**
 * `history.json` of a run: when it was started or resumed, and how. It is the one file of a run besides the log
 * that holds times, and nothing is computed from it. It is sealed, and tells by a digest whether config.yaml beside it
 * is still the one that the last start has written.
 */
const changeSchema = z.strictObject({
  key: z.string(),
  from: z.unknown().optional(),
  to: z.unknown().optional(),
});

const startSchema = z.strictObject({
  /** ISO 8601, UTC. */
  time: z.string(),
  /** Of lockstep. */
  version: z.string(),
  backend: z.string(),
  profile: z.string(),
  workers: z.int(),
  fromStep: z.int(),
  /** Keys of the config that differ from the start before. */
  changes: z.array(changeSchema),
  /** Those among them that change the weights, and were taken because of `--override`. */
  overridden: z.array(z.string()),
});

const historySchema = z.strictObject({
  version: z.literal(1),
  /** SHA-256 of the text of config.yaml; absent, like the seal, in histories of early versions. */
  config: z.string().optional(),
  starts: z.array(startSchema),
});

/** One start of a run. */
export interface RunStart extends Omit<z.output<typeof startSchema>, 'changes'> {
  changes: ConfigChange[];
}

export interface History {
  /** Digest of the config's text, where it is known. */
  config: string | undefined;
  starts: RunStart[];
}

/** @param config the text of config.yaml */
export function formatHistory(starts: readonly RunStart[], config: string): string {
  return seal({ version: 1, config: digestConfig(config), starts });
}

/** Undefined for a text that is no history, or not the one that was written. */
export function parseHistory(text: string): History | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Not JSON: the same as JSON of another shape.
    return undefined;
  }
  const isSealed = typeof value === 'object' && value !== null && 'digest' in value;
  const parsed = historySchema.safeParse(isSealed ? unseal(text) : value).data;
  // What only sealed ones hold stands in no other: else a seal that was lost would go unnoticed.
  if (parsed === undefined || (parsed.config !== undefined) !== isSealed) return undefined;
  return { config: parsed.config, starts: parsed.starts };
}

export function digestConfig(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
