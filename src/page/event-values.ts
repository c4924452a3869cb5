/** Values out of events, which are whatever a log holds. */

export function numberIn(values: Record<string, unknown>, key: string): number | undefined {
  const value = values[key];
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

export function textIn(values: Record<string, unknown>, key: string): string | undefined {
  const value = values[key];
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : undefined;
}

export function listIn(values: Record<string, unknown>, key: string): unknown[] {
  const value = values[key];
  return Array.isArray(value) ? value : [];
}

/** A list of groups; what else is in it is left out. */
export function groupsIn(values: Record<string, unknown>, key: string): Record<string, unknown>[] {
  return listIn(values, key).filter(isGroup);
}

export function groupIn(
  values: Record<string, unknown>,
  key: string,
): Record<string, unknown> | undefined {
  const value = values[key];
  return isGroup(value) ? value : undefined;
}

/** Rows of numbers; what is none is 0. */
export function matrixIn(values: Record<string, unknown>, key: string): number[][] {
  return listIn(values, key).map((line) =>
    Array.isArray(line) ? line.map((value) => (typeof value === 'number' ? value : 0)) : [],
  );
}

export function textsIn(values: Record<string, unknown>, key: string): string[] {
  return listIn(values, key).map((value) => (typeof value === 'string' ? value : ''));
}

function isGroup(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
