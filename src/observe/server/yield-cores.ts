import { setPriority } from 'node:os';

/**
 * Has the calling thread let others go first, the more the greater `nice` is, up to 19. Linux has priorities by thread, others by
 * process: there it stays as it is.
 */
export function yieldCores(nice: number): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(nice);
  } catch {
    // Where this is forbidden, the budget alone has to do.
  }
}
