import type { Config } from '../config/schema.js';
import { openPrepared, prepareCorpus } from '../data/prepare/prepare.js';
import type { Corpus } from '../data/store/corpus.js';
import type { TrainListener } from '../events.js';

/** What stops a run: an AbortSignal, or whatever else can be asked. */
export interface StopSignal {
  readonly aborted: boolean;
  readonly reason?: unknown;
}

/** Stops where one of both does. */
export function anyOf(one: AbortSignal, other: StopSignal | undefined): StopSignal {
  if (other === undefined) return one;
  if (other instanceof AbortSignal) return AbortSignal.any([one, other]);
  const both: readonly StopSignal[] = [one, other];
  return {
    get aborted() {
      return both.some(({ aborted }) => aborted);
    },
    get reason() {
      return both.find(({ aborted }) => aborted)?.reason;
    },
  };
}

/**
 * Prepares a run's corpus. A stop ends that, and the run with it; where the corpus has been prepared already the run begins and ends as one that is
 * stopped later does.
 *
 * @throws UserError as `prepareCorpus`; the signal's reason, an AbortError where it has none
 */
export async function prepareUnlessStopped(
  config: Config,
  listener: TrainListener,
  signal: StopSignal | undefined,
): Promise<Corpus> {
  if (signal === undefined) return prepareCorpus(config, listener);
  const abort = new AbortController();
  const look = (): void => {
    if (signal.aborted && !abort.signal.aborted) abort.abort(signal.reason);
  };
  look();
  if (abort.signal.aborted) {
    const corpus = await openPrepared(config, (message) => listener({ type: 'notice', message }));
    if (corpus === undefined) throw abort.signal.reason;
    return corpus;
  }
  // Preparing tells several times a second how far it has come; most signals need not be asked.
  const hear: TrainListener = (event) => {
    listener(event);
    look();
  };
  const { signal: preparing } = abort;
  if (!(signal instanceof AbortSignal)) return prepareCorpus(config, hear, { signal: preparing });
  signal.addEventListener('abort', look);
  try {
    return await prepareCorpus(config, hear, { signal: preparing });
  } finally {
    signal.removeEventListener('abort', look);
  }
}
