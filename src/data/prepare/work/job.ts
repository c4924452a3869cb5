import { readFileSync, statSync } from 'node:fs';
import { taskOf, type TaskKind } from '../../../tasks/registry.js';
import { wordsOf } from '../../../tensor/label-sets.js';
import type { Fractions } from './split.js';
import type { FeatureVocabulary } from '../../features/features.js';
import type { SerializedTokenizer } from '../../tokenizers/serialized.js';
import type { PairLimits } from './pair-filter.js';
import type { PlacedPiece } from './assignment.js';
import type { PieceRecord } from '../pieces/records.js';
import { SOURCE_WORDS } from '../../store/row-record.js';

/** What workers that build a store share: written once, read once by each of them. */
export interface BuildJob {
  readonly task: TaskKind;
  readonly fractions: Fractions;
  /** See `LocalCutter`. */
  readonly plainBytes: boolean;
  /** Where rows are pairs. */
  readonly pairs?: PairJob;
  readonly pieces: readonly (PlacedPiece & { readonly record: PieceRecord })[];
  /** For files that are gone when the store is complete. */
  readonly scratch: string;
}

/** What is known of pairs beside. */
export interface PairJob extends PairLimits {
  /** Of the sources. */
  readonly plainBytes: boolean;
}

/** What is known when the vocabulary has been made. */
export interface EncodeJob extends BuildJob {
  readonly tokenizer: SerializedTokenizer;
  /** Of pairs that of the sources, be it the same. */
  readonly sourceTokenizer?: SerializedTokenizer;
  readonly classes: readonly string[];
  readonly features: readonly FeatureVocabulary[];
  readonly maxLength: number;
  readonly truncate: 'pre' | 'post';
  readonly idBytes: 2 | 4;
  /** Where the store's files are. */
  readonly dir: string;
}

/** Words of a row's label in the store: a set of labels has a bit for each class; of a pair two say where its source begins. */
export function labelWordsOf({ task, classes, pairs }: EncodeJob): number {
  if (pairs) return SOURCE_WORDS;
  return taskOf(task).target === 'labels' ? wordsOf(classes.length) : 1;
}

let last: { file: string; job: unknown } | undefined;

/** Reads a job's file, or remembers the last one. */
export function readBuildJob(path: string): BuildJob {
  // The file may have been written anew, for pieces that were made anew.
  const { ino, mtimeNs } = statSync(path, { bigint: true });
  const file = `${path} ${ino} ${mtimeNs}`;
  if (last?.file !== file) last = { file, job: JSON.parse(readFileSync(path, 'utf8')) };
  return last.job as BuildJob;
}

/** As `readBuildJob`, once the vocabulary has been made. */
export function readEncodeJob(path: string): EncodeJob {
  return readBuildJob(path) as EncodeJob;
}
