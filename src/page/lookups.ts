import type { ConfigView, RangeView, StepView } from '../observe/board/wire.js';

/** What the server is asked for when somebody wants to see it. */

/** What was found, or a sentence why nothing was; neither where the server is away, or nobody wants to see it any more. */
export interface Found<T> {
  view?: T;
  fault?: string;
}

/** Where the server is away. */
export const CANNOT_LOOK = 'The log cannot be looked into now.';

/** @param signal aborts when nobody wants to see it any more */
export function lookUpRange(
  run: string,
  { from, to }: { from: number; to: number },
  signal: AbortSignal,
): Promise<Found<RangeView>> {
  return ask<RangeView>('range', { run, from: String(from), to: String(to) }, signal);
}

export function lookUpStep(run: string, step: number): Promise<Found<StepView>> {
  return ask<StepView>('at', { run, step: String(step) });
}

export function lookUpConfig(run: string): Promise<Found<ConfigView>> {
  return ask<ConfigView>('config', { run });
}

async function ask<T>(
  path: string,
  query: Record<string, string>,
  signal: AbortSignal | null = null,
): Promise<Found<T>> {
  try {
    const response = await fetch(`${path}?${new URLSearchParams(query)}`, { signal });
    if (!response.ok) return { fault: (await response.text()).trim() };
    const view = (await response.json()) as T | null;
    return view === null ? { fault: 'There is no such run any more.' } : { view };
  } catch {
    // The server has ended with its run, or is away; or nobody waits any more.
    return {};
  }
}
