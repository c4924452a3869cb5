import { z } from 'zod';
import type { ConfigChange } from './config-changes.js';

/**
 * `history.json` of a run: when it was started or resumed, and how. It is the one file of a run besides the log
 * that holds times, and nothing is computed from it.
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

const historySchema = z.strictObject({ version: z.literal(1), starts: z.array(startSchema) });

/** One start of a run. */
export interface RunStart extends Omit<z.output<typeof startSchema>, 'changes'> {
  changes: ConfigChange[];
}

export function formatHistory(starts: readonly RunStart[]): string {
  return `${JSON.stringify({ version: 1, starts }, null, 2)}\n`;
}

/** Undefined for a text that is no history. */
export function parseHistory(text: string): RunStart[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Not JSON: the same as JSON of another shape.
    return undefined;
  }
  const parsed = historySchema.safeParse(value);
  return parsed.success ? parsed.data.starts : undefined;
}
