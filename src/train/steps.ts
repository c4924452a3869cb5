import type { Config } from '../config/schema.js';
import type { BatchSource } from '../data/batches/batches.js';
import type { Corpus } from '../data/store/corpus.js';
import { UserError } from '../errors.js';
import { BadSteps } from './bad-steps.js';
import { type BatchFeed, ReadFailure } from '../compute/batch-feed.js';
import type { CheckpointWriter } from '../run/checkpoint-writer.js';
import type { Engine } from '../compute/engine.js';
import { Moments } from '../compute/moments.js';
import type { TrainListener } from '../events.js';
import { TaskFailure } from '../compute/task-failure.js';
import { describeBetter } from '../measures.js';
import type { Progress } from '../checkpoint/run-state.js';
import { signConfig } from '../run/signed-config.js';
import { adviseGoingOn } from './course.js';
import { Pulse } from './pulse.js';
import { StepLoop } from './step-loop.js';
import type { Updates } from './updates.js';
import type { Validation } from './validation.js';
import { counted } from '../system/counted.js';

/** A run that is set up. */
export interface PreparedRun {
  config: Config;
  corpus: Corpus;
  /** SHA-256 of vocabulary.json. */
  vocabularyDigest: string;
  /** Of each class, where the loss has weights. */
  classWeights?: readonly number[];
  /** Whether tags follow each other otherwise than their names tell. */
  tagsAreFree: boolean;
  /** Of the text that a language model learns from, where it is not a line feed alone. */
  lineEnd: '\r\n' | undefined;
  engine: Engine;
  source: BatchSource;
  /** Batches of training. */
  feed: BatchFeed;
  updates: Updates;
  profile: string;
  /** Updates done already, and in the whole run. */
  fromStep: number;
  totalSteps: number;
  checkpointEvery: number;
  validation: Validation;
  writer: CheckpointWriter;
  listener: TrainListener;
  isStopped: () => boolean;
}

/**
 * Trains, evaluates and writes checkpoints until the run is finished, hopeless or stopped; then the last checkpoint
 * is on the disk.
 *
 * @throws UserError when the numbers or the workers fail, a batch cannot be read, the run's directory is lost, or the last checkpoint cannot be
 *   written
 */
export async function runSteps(
  run: PreparedRun,
): Promise<{ step: number; reason: 'finished' | 'stopped' }> {
  const { config, corpus, engine, feed, updates, totalSteps, validation, writer } = run;
  const { listener } = run;
  const loop = new StepLoop(engine, config.train, listener);
  const pulse = new Pulse(new Moments(engine.heap, engine.plan), listener);
  const badSteps = new BadSteps(engine, corpus, config, listener);
  const watching = {
    watch: (...batch: Parameters<BadSteps['watch']>) => badSteps.watch(...batch),
    mayFollow: () => mayFollow(),
  };
  const slotOf = (step: number): number => feed.slotOf(updates.batchesOf(step).first);
  let step = run.fromStep;
  /** Whether an evaluation has given way to a stop. */
  let isCut: boolean | undefined;
  let isUnderWay = false;
  const hasEnded = describeEnd(run);
  const isCheckpointDue = (at: number): boolean => at % run.checkpointEvery === 0;
  /** Whether the next step has nothing to wait for when the present one has been computed. */
  const mayFollow = (): boolean =>
    !(validation.isDue(step + 1) || isCheckpointDue(step + 1) || run.isStopped());
  try {
    for (;;) {
      writer.expectUsable();
      // A step that has followed directly is finished first.
      if (!engine.isAhead) {
        const improved = validation.isDue(step) && (await validation.evaluate(step));
        isCut = improved === undefined;
        if (isCut || step >= totalSteps || validation.isHopeless || run.isStopped()) break;
        if (improved || (step > run.fromStep && isCheckpointDue(step))) {
          await writer.write(slotOf(step), describeProgress(run, step));
        }
      }
      isUnderWay = true;
      await loop.step(feed, step, totalSteps, updates, validation.advice, watching);
      isUnderWay = false;
      badSteps.check(step);
      step++;
      pulse.end(step, loop.time);
    }
  } catch (error) {
    if (!(error instanceof TaskFailure || error instanceof ReadFailure)) throw error;
    // Of several batches the first ones may have moved on what rows carry.
    const isWhole =
      !isUnderWay || config.train.accumulate === 1 || !engine.handle.sizes.shape.carries;
    throw await giveUp(error, isWhole, () =>
      writer.writeLast(slotOf(step), describeProgress(run, step)),
    );
  }
  await writer.writeLast(slotOf(step), describeProgress(run, step));
  // Whether the run has ended is known once a resume has made that evaluation.
  if (isCut) return { step, reason: 'stopped' };
  const early = step < totalSteps && validation.isHopeless;
  const noHope = `No ${describeBetter(config.train.bestBy)} in ${counted(validation.state.withoutImprovement, 'evaluation')}: training ends here.`;
  const message = hasEnded ?? (early ? noHope : undefined);
  if (message !== undefined) listener({ type: 'notice', message });
  return { step, reason: early || step >= totalSteps ? 'finished' : 'stopped' };
}

/** Of a resumed run that had ended before: a sentence on why, and what would have it go on. */
function describeEnd({
  config,
  fromStep,
  totalSteps,
  validation,
}: PreparedRun): string | undefined {
  if (fromStep === 0) return undefined;
  const { withoutImprovement } = validation.state;
  const toGoOn = `to go on, ${adviseGoingOn(config, fromStep, totalSteps, withoutImprovement)}.`;
  if (fromStep >= totalSteps) {
    return `The run has done all of its steps, ${totalSteps} of them: ${toGoOn}`;
  }
  if (!validation.isHopeless || validation.isDue(fromStep)) return undefined;
  return (
    `Early stopping has ended the run after step ${fromStep}, with no ${describeBetter(config.train.bestBy)} ` +
    `in ${counted(withoutImprovement, 'evaluation')}: ${toGoOn}`
  );
}

function describeProgress(
  {
    config,
    corpus,
    vocabularyDigest,
    classWeights,
    tagsAreFree,
    lineEnd,
    profile,
    source,
    updates,
    validation,
  }: PreparedRun,
  step: number,
): Progress {
  const { stepsPerEpoch: batches } = source;
  const { first } = updates.batchesOf(step);
  return {
    step,
    position: {
      epoch: Math.floor(first / batches),
      batch: first % batches,
      stepsPerEpoch: batches,
    },
    seed: config.train.seed,
    profile,
    corpus: corpus.fingerprint,
    vocabulary: vocabularyDigest,
    config: signConfig(config),
    ...(classWeights && { classWeights: [...classWeights] }),
    ...(tagsAreFree && { tagsAreFree }),
    ...(lineEnd && { lineEnd }),
    validation: validation.state,
  };
}

/** Ends a run that cannot go on, with a checkpoint of the last finished step where the weights are whole. */
async function giveUp(
  failure: TaskFailure | ReadFailure,
  isWhole: boolean,
  writeLast: () => Promise<void>,
): Promise<UserError> {
  const { message } = failure;
  const tell = (sentence: string): UserError => new UserError(sentence, { cause: failure });
  if (failure instanceof ReadFailure) {
    // Its sentence may end with the command that mends what it tells of.
    if (isWhole) await writeLast();
    return tell(
      isWhole
        ? `The run ends with a checkpoint of the last finished step, to go on from with --resume: ${message}`
        : `The run ends amid a step, of which no checkpoint is written, with --resume it goes on from the last one: ${message}`,
    );
  }
  if (failure.phase === 'update') {
    return tell(
      `${message}; the weights were being updated, so that no checkpoint of them is written: go on from the last one with --resume`,
    );
  }
  if (!isWhole) {
    return tell(
      `${message}; the step was under way, so that no checkpoint of it is written: go on from the last one with --resume`,
    );
  }
  await writeLast();
  return tell(`${message}; a checkpoint of the last finished step is written: go on with --resume`);
}
