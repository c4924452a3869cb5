import { join } from 'node:path';
import type { NamedConfig } from '../config/load.js';
import type { Config } from '../config/schema.js';
import type { Corpus } from '../data/store/corpus.js';
import type { Pair } from '../data/prepare/read-pairs.js';
import { UserError } from '../errors.js';
import { SLOT } from '../model/sizes.js';
import { describeWarmup } from '../optimizers/schedules.js';
import { packageVersion } from '../package-root.js';
import {
  admitNew,
  admitResume,
  expectRun,
  type FoundCheckpoint,
  type Resumption,
} from '../run/admission.js';
import { loadModel, loadOptimizer, Snapshot } from '../checkpoint/checkpoint.js';
import { checkpointName } from '../checkpoint/checkpoint-names.js';
import { CheckpointWriter, tellingOf } from '../run/checkpoint-writer.js';
import type { RunFileSystem } from '../system/disk.js';
import { BatchFeed } from '../compute/batch-feed.js';
import { lineEndOf } from './line-end.js';
import type { EndEvent, TrainListener } from '../events.js';
import type { RunStart } from '../run/history.js';
import { RunDirectory } from '../run/run-directory.js';
import { describeOverriding, expectFollowed, type Overriding } from '../run/overriding.js';
import { describeSettled, settlePrecision } from '../run/settle-precision.js';
import { RunHold } from '../run/run-hold.js';
import { lockRun } from '../run/run-lock.js';
import { digestText } from '../checkpoint/run-state.js';
import { adviseGoingOn, restOf, validationRules, type Rest } from './course.js';
import { acceptCorpus, expectFeasible, expectMeasured } from './feasible.js';
import { createSetting, type Setting } from './setting.js';
import { describeStart } from './start-event.js';
import { runSteps } from './steps.js';
import { Validation, validationOptions } from './validation.js';
import { prepareUnlessStopped, type StopSignal } from './stop-signal.js';
import { readSample } from './validation-translations.js';
import { formatVocabulary } from '../checkpoint/vocabulary-file.js';

export interface TrainOptions {
  /** Where config, checkpoints and logs go. */
  runDir: string;
  /** Whether to go on with the run that lies there. */
  resume: boolean;
  /** Whether to go on also with a config or corpus that makes other weights of the run. */
  override?: boolean;
  listener: TrainListener;
  /**
   * When it aborts, the step under way is finished or the evaluation left to a resume, a checkpoint written and the run ended. Where the data is
   * still being prepared that ends, and training is refused with the signal's reason: nothing of the run has been written then.
   */
  signal?: StopSignal;
  /** Writes and reads the run's directory, and runs its threads; tests bring ones that fail. */
  fs?: RunFileSystem;
  workerFile?: string;
}

/**
 * Trains a model as its config says, from the start or from where a run was left.
 *
 * @throws UserError when config, data or run directory cannot be used, or the run cannot go on
 */
export async function train(config: Config, options: TrainOptions): Promise<EndEvent> {
  const run = new TrainingRun({ ...config, name: config.name ?? 'run' }, options);
  try {
    return await run.execute();
  } finally {
    await run.close();
  }
}

/** What a run is made of, what is left of it, and what it takes that is different. */
interface Settled extends Rest, Overriding {
  corpus: Corpus;
  /** Pairs that evaluations translate. */
  sample: readonly Pair[] | undefined;
}

class TrainingRun {
  readonly #directory: RunDirectory;
  #hold: RunHold | undefined;
  #corpus: Corpus | undefined;
  #setting: Setting | undefined;
  #writer: CheckpointWriter | undefined;

  constructor(
    private config: NamedConfig,
    private readonly options: TrainOptions,
  ) {
    this.#directory = new RunDirectory(options.runDir, options.fs);
  }

  async execute(): Promise<EndEvent> {
    const { config: asked, options } = this;
    const { runDir, resume, override = false, listener, signal } = options;
    const start = performance.now();
    expectFeasible(settlePrecision(asked), this.#notice);
    // Not even a lock file goes where a run was expected and is none.
    if (resume) await expectRun(this.#directory);
    this.#hold = new RunHold(runDir, await lockRun(runDir, this.#notice));
    const resumed = resume
      ? await admitResume(this.#directory, asked, override, this.#notice)
      : undefined;
    if (!resume) await admitNew(this.#directory);
    const config = (this.config = resumed?.config ?? settlePrecision(asked));
    if (config !== asked) this.#notice(describeSettled(config, resume));
    const settled = await this.#settle(resumed);
    const { corpus, sample, remainder, course, evaluations } = settled;
    const vocabulary = formatVocabulary(corpus);

    const state = resumed?.found?.state;
    const learned = remainder === 'steps' ? { tagsAreFree: state?.tagsAreFree } : state;
    const brought = { sample, ...(learned && { learned }) };
    const setting = (this.#setting = await createSetting(config, corpus, brought, options));
    const { engine, source, updates, choice, classWeights, tagsAreFree } = setting;
    if (resumed?.found) await this.#restore(setting, resumed.found);
    else await engine.initialize(config.train.seed);
    const { totalSteps, checkpointEvery } = course;
    const fromStep = state?.step ?? 0;
    const feed = new BatchFeed(engine, source, SLOT.training);
    // A store whose first batch cannot be read is met now.
    if (fromStep < totalSteps) await feed.fetch(updates.batchesOf(fromStep).first);
    const rules = validationRules(config, corpus, sample, course);
    const isStopped = (): boolean => signal?.aborted ?? false;
    const evaluated = { ...validationOptions(config, setting, rules, listener), isStopped };
    const validation = new Validation(engine, evaluated, evaluations);
    // Nothing is left that could be refused: from here on the directory is written.
    await this.#begin(setting, vocabulary, resumed, settled);
    const steps = { fromStep, totalSteps };
    listener(describeStart(runDir, config, setting, steps, evaluations.best));
    const warmup = describeWarmup(config.train.optimizer.schedule.warmupSteps, totalSteps);
    if (warmup !== undefined) this.#notice(warmup);
    const { encoder } = config.model;
    if (encoder && encoder.dropout > 0 && encoder.layers.length === 1) {
      this.#notice(
        'model.encoder.dropout drops nothing: the encoder has one layer, and dropped is what those below the top one leave.',
      );
    }
    this.#writer = new CheckpointWriter(
      this.#directory,
      new Snapshot(engine),
      config.train.checkpoint,
      listener,
      state && tellingOf(state),
      this.#hold,
    );
    const outcome = await runSteps({
      config,
      corpus,
      vocabularyDigest: digestText(vocabulary),
      ...(classWeights && { classWeights }),
      tagsAreFree,
      lineEnd: remainder === 'steps' ? await lineEndOf(config.task, corpus) : state?.lineEnd,
      engine,
      source,
      feed,
      updates,
      profile: choice.profile,
      fromStep,
      totalSteps,
      checkpointEvery,
      validation,
      writer: this.#writer,
      listener,
      isStopped,
    });
    const end: EndEvent = {
      type: 'end',
      ...outcome,
      duration: (performance.now() - start) / 1000,
      checkpoint: `${this.#directory.checkpoints}/${checkpointName(outcome.step)}`,
      ...(validation.best && { best: validation.best }),
    };
    listener(end);
    return end;
  }

  async close(): Promise<void> {
    await this.#setting?.close();
    await this.#corpus?.close();
    // When something else failed, a checkpoint may still be on its way to the disk.
    await this.#writer?.settle();
    this.#hold?.release();
  }

  readonly #notice = (message: string): void => this.options.listener({ type: 'notice', message });

  /** Nothing of the run's directory has been written before this is done. */
  async #settle(resumed: Resumption | undefined): Promise<Settled> {
    const { config } = this;
    const { listener, override = false, signal } = this.options;
    const found = resumed?.found;
    const corpus = (this.#corpus = await prepareUnlessStopped(config, listener, signal));
    expectMeasured(config, corpus);
    const vocabulary = digestText(formatVocabulary(corpus));
    const fingerprints = { corpus: corpus.fingerprint, vocabulary };
    const hasOtherCorpus =
      found !== undefined && acceptCorpus(config, found, fingerprints, override);
    const sample = await readSample(config, corpus, this.#notice);
    const rest = restOf(config, corpus, sample, found?.state);
    const overriding = { weighty: resumed?.weighty ?? [], hasOtherCorpus };
    const { totalSteps } = rest.course;
    const { withoutImprovement } = rest.evaluations;
    const goOn = adviseGoingOn(config, found?.state.step ?? 0, totalSteps, withoutImprovement);
    expectFollowed(this.#directory.directory, overriding, rest.remainder, goOn);
    for (const message of describeOverriding(overriding, rest.remainder)) this.#notice(message);
    return { ...rest, ...overriding, corpus, sample };
  }

  async #restore(
    { engine, updates, choice: { profile } }: Setting,
    { name, path, state }: FoundCheckpoint,
  ): Promise<void> {
    if (state.profile !== profile) {
      this.#notice(
        `The run so far was computed with ${state.profile}, from here on with ${profile}: bits will differ.`,
      );
    }
    const { fs } = this.options;
    await loadModel(engine, path, fs, state.files);
    await loadOptimizer(
      engine,
      path,
      SLOT.training + (updates.batchesOf(state.step).first % 2),
      fs,
      state.files,
    );
    await engine.packWeights();
    this.#notice(`Going on from ${join(this.#directory.checkpoints, name)}.`);
  }

  /** Writes the run's config, vocabulary and history, or what has changed of them. */
  async #begin(
    { engine, choice }: Setting,
    vocabulary: string,
    resumed: Resumption | undefined,
    { evaluations: { best }, weighty, hasOtherCorpus }: Settled,
  ): Promise<void> {
    const found = resumed?.found;
    const bestName = best && checkpointName(best.step);
    const start: RunStart = {
      time: new Date().toISOString(),
      version: packageVersion(),
      backend: choice.kind,
      profile: choice.profile,
      workers: engine.handle.sizes.parts,
      fromStep: found?.state.step ?? 0,
      changes: [...weighty, ...(resumed?.harmless ?? [])],
      overridden: [...weighty.map(({ key }) => key), ...(hasOtherCorpus ? ['corpus'] : [])],
    };
    this.#hold!.expectStillHeld();
    await this.#directory.begin({
      config: this.config,
      vocabulary,
      history: [...(this.options.resume ? await this.#formerStarts() : []), start],
      ...(found && { latest: found.name }),
      ...(bestName !== undefined && found?.stored.includes(bestName) && { best: bestName }),
    });
  }

  /** A history that is damaged is for the reader, and no reason not to go on. */
  async #formerStarts(): Promise<RunStart[]> {
    try {
      return await this.#directory.readHistory(this.#notice);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      this.#notice(`${error.message}; beginning a new one.`);
      return [];
    }
  }
}
