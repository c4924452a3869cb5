import type { ConfigView, RangeView, StepView } from '../observe/board/wire.js';

/** What the server is asked for when somebody wants to see it; undefined where it does not answer. */

/** @param signal aborts when nobody wants to see it any more */
export function lookUpRange(
  run: string,
  { from, to }: { from: number; to: number },
  signal: AbortSignal,
): Promise<RangeView | undefined> {
  return ask<RangeView>('range', { run, from: String(from), to: String(to) }, signal);
}

export function lookUpStep(run: string, step: number): Promise<StepView | undefined> {
  return ask<StepView>('at', { run, step: String(step) });
}

export function lookUpConfig(run: string): Promise<ConfigView | undefined> {
  return ask<ConfigView>('config', { run });
}

async function ask<T>(
  path: string,
  query: Record<string, string>,
  signal: AbortSignal | null = null,
): Promise<T | undefined> {
  try {
    const response = await fetch(`${path}?${new URLSearchParams(query)}`, { signal });
    return response.ok ? (((await response.json()) as T | null) ?? undefined) : undefined;
  } catch {
    // The server has ended with its run, or is away; or nobody waits any more.
    return undefined;
  }
}
