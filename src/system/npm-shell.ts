import { readFileSync, readlinkSync } from 'node:fs';

/**
 * npm (`npx lockstep …`, `npm run …`) starts a program by a shell, and passes SIGTERM and SIGINT on to that shell alone.
 * The shell dies of it, and the program would go on for hours without anybody who could stop it.
 */

/** Ends this process as SIGTERM does when the shell by which npm started it has died. Where there is no /proc, does nothing. */
export function followShellOfNpm(env = process.env, everyMs = 500): void {
  const shell = process.ppid;
  if (env['npm_lifecycle_event'] === undefined || !isWaitingShell(shell)) return;
  const timer = setInterval(() => {
    if (process.ppid === shell) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
  }, everyMs);
  timer.unref();
}

/** Whether a process is `sh -c …` and waits for us: what it starts in the background with & has another input. */
function isWaitingShell(pid: number): boolean {
  try {
    const [shell = '', option] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    if (!/(^|[/-])(ba|da|z|k)?sh$/.test(shell) || option !== '-c') return false;
    const own = readlinkSync('/proc/self/fd/0');
    return own !== '/dev/null' || readlinkSync(`/proc/${pid}/fd/0`) === own;
  } catch {
    // No /proc, or a shell that is no longer there.
    return false;
  }
}
