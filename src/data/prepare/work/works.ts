import { UserError } from '../../../errors.js';
import { writeChecksums } from '../../store/checked-file.js';
import { cutExtent } from './cut.js';
import { countPiece } from './count.js';
import { DamagedPiece } from '../pieces/damaged-piece.js';
import { explainDiskError } from '../../../system/disk-errors.js';
import { countRepeats } from './duplicates.js';
import { encodePiece, type EncodeInput, measurePiece } from './encode.js';
import { readBuildJob, readEncodeJob } from './job.js';
import type { BpeInput } from './learn-bpe.js';
import { countLetters, type MergedRange, type MergeInput, mergeWords } from './merge.js';
import { surveySource } from './survey.js';
import type { Tally } from './tally.js';

/** What a prepare worker can be asked to do, by name. `job` is the path of a job's file. */
const works = {
  // Loaded by the one thread that is asked for it: all start sooner without.
  learnBpe: async (input: BpeInput, tally: Tally) =>
    (await import('./learn-bpe.js')).learnBpe(input, tally),
  survey: surveySource,
  cut: cutExtent,
  count: ({ job, index }: { job: string; index: number }, tally: Tally) =>
    countPiece(readBuildJob(job), index, tally),
  merge: ({ job, ...input }: MergeInput & { job: string }) => mergeWords(readBuildJob(job), input),
  countLetters: ({ job, ...range }: MergedRange & { job: string }) =>
    countLetters(readBuildJob(job), range),
  countRepeats: ({ job, buckets }: { job: string; buckets: readonly [number, number] }) =>
    countRepeats(readBuildJob(job), buckets),
  measure: ({ job, index }: { job: string; index: number }) =>
    measurePiece(readEncodeJob(job), index),
  encode: ({ job, ...input }: EncodeInput & { job: string }, tally: Tally) =>
    encodePiece(readEncodeJob(job), input, tally),
  checksums: ({ path }: { path: string }) => writeChecksums(path),
};

type Works = typeof works;
export type WorkName = keyof Works;
export type WorkInput<N extends WorkName> = Parameters<Works[N]>[0];
export type WorkResult<N extends WorkName> = Awaited<ReturnType<Works[N]>>;

export interface Work<N extends WorkName = WorkName> {
  readonly name: N;
  readonly input: WorkInput<N>;
}

/**
 * A result, or what a UserError says, or the path of a damaged piece: errors lose their class on their way between
 * threads.
 */
export type WorkReply<N extends WorkName = WorkName> =
  { readonly result: WorkResult<N> } | { readonly refusal: string } | { readonly damaged: string };

/** What a prepare worker is given when it starts. */
export interface PrepareHandle {
  readonly tally: Tally;
  /** Where all that is written goes, for messages. */
  readonly storeDir: string;
}

/** Makes a worker's entry. */
export function joinPreparation({
  tally,
  storeDir,
}: PrepareHandle): (work: Work) => Promise<WorkReply> {
  return async ({ name, input }) => {
    const run = works[name] as (input: unknown, tally: Tally) => unknown;
    try {
      return { result: await run(input, tally) } as WorkReply;
    } catch (error) {
      if (error instanceof UserError) return { refusal: error.message };
      if (error instanceof DamagedPiece) return { damaged: error.path };
      const message = explainDiskError(error, storeDir);
      if (message === undefined) throw error;
      return { refusal: message };
    }
  };
}
