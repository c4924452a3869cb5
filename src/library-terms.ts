import { UserError } from './errors.js';
import type { TrainListener } from './events.js';

/** How a run's options are called by those who call the library. */
const terms: readonly (readonly [RegExp, string])[] = [
  [/--run-dir\b/g, 'runDir'],
  [/--resume\b/g, 'resume: true'],
  [/--override\b/g, 'override: true'],
  [/--last\b/g, 'last'],
  [/--overwrite\b/g, 'overwrite: true'],
  [/--data\b/g, 'data'],
  [/--checkpoint latest\b/g, "checkpoint: 'latest'"],
];

/** Messages speak of the command line's options; a caller of the library has no command line. */
function inLibraryTerms(message: string): string {
  return terms.reduce((text, [option, name]) => text.replaceAll(option, name), message);
}

/** Runs what may be refused, and tells of it in the library's terms. */
export async function refuseInLibraryTerms<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await refuseInPlace(run);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(error.sentences.map(inLibraryTerms), { cause: error });
  }
}

/** Runs what may be refused. Where the program has moved to another directory meanwhile, relative names lead elsewhere. */
export async function refuseInPlace<T>(run: () => Promise<T>): Promise<T> {
  const directory = workingDirectory();
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof UserError) || workingDirectory() === directory) throw error;
    const moved = `The working directory is no longer ${String(directory)}, as when this was called: give absolute names, or stay there until it is done.`;
    throw new UserError([...error.sentences, moved], { cause: error });
  }
}

/** Undefined where it has been removed. */
function workingDirectory(): string | undefined {
  try {
    return process.cwd();
  } catch {
    // Where it is gone, no relative name leads anywhere.
    return undefined;
  }
}

/** A listener that is told notices in the library's terms. */
export function hearInLibraryTerms(listener: TrainListener): TrainListener {
  return (event) =>
    listener(
      event.type === 'notice' ? { ...event, message: inLibraryTerms(event.message) } : event,
    );
}
