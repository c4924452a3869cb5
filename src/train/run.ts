import { chooseBackend } from '../backend/select.js';
import type { NamedConfig } from '../config/load.js';
import type { Config } from '../config/schema.js';
import type { Corpus } from '../data/corpus.js';
import { prepareCorpus } from '../data/prepare.js';
import { UserError } from '../errors.js';
import { countParameters } from '../model/parameters.js';
import { SLOT } from '../model/plan.js';
import { BatchFeed } from './batch-feed.js';
import {
  loadModel,
  loadOptimizer,
  Snapshot,
  type BestResult,
  type Progress,
  type RunState,
} from './checkpoint.js';
import { allocateEngine, Engine } from './engine.js';
import { evaluate, evaluationBatches, trainingBatches } from './evaluation.js';
import type { EndEvent, TrainListener } from './events.js';
import { createWorkerPool, type WorkerPool } from './pool.js';
import { checkpointName, RunDirectory } from './run-directory.js';
import { lockRun, type RunLock } from './run-lock.js';
import { networkShape, networkSizes } from './sizes.js';
import { StepLoop } from './step-loop.js';

export interface TrainOptions {
  /** Where config, checkpoints and logs go. */
  runDir: string;
  /** Whether to go on with the run that lies there. */
  resume: boolean;
  listener: TrainListener;
  /** When it aborts, the step under way is finished, a checkpoint written and the run ended. */
  signal?: AbortSignal;
}

/**
 * Trains a model as its config says, from the start or from where a run was left.
 *
 * @throws UserError when config, data or run directory cannot be used
 */
export async function train(config: Config, options: TrainOptions): Promise<EndEvent> {
  const run = new TrainingRun({ ...config, name: config.name ?? 'run' }, options);
  try {
    return await run.execute();
  } finally {
    await run.close();
  }
}

class TrainingRun {
  readonly #directory: RunDirectory;
  #lock: RunLock | undefined;
  #corpus: Corpus | undefined;
  #pool: WorkerPool | undefined;
  #best: BestResult | undefined;
  /** The checkpoint being written while training goes on. */
  #writing: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly config: NamedConfig,
    private readonly options: TrainOptions,
  ) {
    this.#directory = new RunDirectory(options.runDir);
  }

  async execute(): Promise<EndEvent> {
    const { config } = this;
    const { listener, resume } = this.options;
    const start = performance.now();
    const notice = (message: string): void => listener({ type: 'notice', message });
    // Not even a lock file goes where a run was expected and is none.
    if (resume) await this.#directory.expectRun();
    this.#lock = await lockRun(this.options.runDir, notice);
    const resumed = resume ? await this.#directory.resume(config, notice) : undefined;
    if (!resume) await this.#directory.create(config);
    const corpus = (this.#corpus = await prepareCorpus(config, listener));
    await this.#directory.writeVocabulary(corpus);

    const { engine, profile, choice } = this.#createEngine(corpus);
    const source = trainingBatches(config, corpus.train);
    const totalSteps = Math.min(
      source.stepsPerEpoch * config.train.epochs,
      config.train.maxSteps ?? Infinity,
    );
    const fromStep = resumed?.state.step ?? 0;
    if (resumed) await this.#restore(engine, resumed, profile, notice);
    else await engine.initialize(config.train.seed);

    listener({
      type: 'start',
      runDir: this.options.runDir,
      task: config.task,
      backend: { name: choice.kind, reason: choice.reason, profile },
      workers: engine.handle.sizes.parts,
      parameters: countParameters(engine.handle.sizes.shape),
      heapBytes: engine.heap.bytes.byteLength,
      fromStep,
      totalSteps,
      stepsPerEpoch: source.stepsPerEpoch,
      trainRows: corpus.train.rows,
      trainTokens: corpus.train.tokens,
      validationRows: corpus.validation?.rows ?? 0,
      vocabulary: corpus.tokenizer.vocabularySize,
      classes: corpus.classes,
    });

    const loop = new StepLoop(engine, config.train, listener);
    const feed = new BatchFeed(engine, source, SLOT.training);
    const snapshot = new Snapshot(engine);
    const everyEpoch = (steps: number): number => (steps === 0 ? source.stepsPerEpoch : steps);
    const evaluateEvery = everyEpoch(config.train.evaluateEverySteps);
    const checkpointEvery = everyEpoch(config.train.checkpoint.everySteps);
    const stopped = (): boolean => this.options.signal?.aborted ?? false;

    let step = fromStep;
    const checkpoint = (isBest: boolean): Promise<void> =>
      this.#checkpoint(
        snapshot,
        feed.slotOf(step),
        {
          step,
          epoch: step / source.stepsPerEpoch,
          seed: config.train.seed,
          profile,
          corpus: corpus.fingerprint,
          ...(this.#best && { best: this.#best }),
        },
        isBest,
      );
    if (totalSteps === 0 && !resumed) await checkpoint(false);
    while (step < totalSteps && !stopped()) {
      await loop.step(feed, step, totalSteps, source.stepsPerEpoch);
      step++;
      const last = step === totalSteps;
      const isBest =
        corpus.validation && (last || step % evaluateEvery === 0)
          ? await this.#evaluate(engine, corpus, step)
          : false;
      if (isBest || last || stopped() || step % checkpointEvery === 0) await checkpoint(isBest);
    }
    await this.#writing;
    const name = (await this.#directory.readPointer('latest')) ?? checkpointName(step);
    const end: EndEvent = {
      type: 'end',
      reason: step >= totalSteps ? 'finished' : 'stopped',
      step,
      duration: (performance.now() - start) / 1000,
      checkpoint: `${this.#directory.checkpoints}/${name}`,
      ...(this.#best && { best: this.#best }),
    };
    listener(end);
    return end;
  }

  async close(): Promise<void> {
    await this.#pool?.close();
    await this.#corpus?.close();
    // When something else failed, a checkpoint may still be on its way to the disk.
    await Promise.allSettled([this.#writing]);
    this.#lock?.release();
  }

  #createEngine(corpus: Corpus): {
    engine: Engine;
    profile: string;
    choice: ReturnType<typeof chooseBackend>;
  } {
    const { config } = this;
    const choice = chooseBackend(config.backend);
    const sources = [trainingBatches(config, corpus.train)];
    if (corpus.validation) sources.push(evaluationBatches(config, corpus.validation));
    const shape = networkShape(config, corpus.tokenizer.vocabularySize, corpus.classes);
    const handle = allocateEngine(choice.kind, networkSizes(config, shape, sources, true));
    this.#pool = createWorkerPool(handle, this.options.listener);
    const engine = new Engine(handle, this.#pool.runPhase);
    return { engine, profile: choice.profile, choice };
  }

  async #restore(
    engine: Engine,
    { checkpoint, state }: { checkpoint: string; state: RunState },
    profile: string,
    notice: (message: string) => void,
  ): Promise<void> {
    if (state.corpus !== this.#corpus?.fingerprint) {
      throw new UserError(
        `${checkpoint}: the corpus has changed since this checkpoint was written: ` +
          'restore the files that data names, or start a new run with another --run-dir',
      );
    }
    if (state.profile !== profile) {
      notice(
        `The run so far was computed with ${state.profile}, from here on with ${profile}: bits will differ.`,
      );
    }
    await loadModel(engine, checkpoint);
    await loadOptimizer(engine, checkpoint, SLOT.training + (state.step % 2));
    await engine.packWeights();
    this.#best = state.best;
    notice(`Going on from ${checkpoint}.`);
  }

  /** Evaluates on the validation split; true when this is the best result so far. */
  async #evaluate(engine: Engine, corpus: Corpus, step: number): Promise<boolean> {
    const start = performance.now();
    const source = evaluationBatches(this.config, corpus.validation!);
    const { loss, accuracy, perplexity, targets } = await evaluate(engine, source);
    const best = this.#best === undefined || loss < this.#best.loss;
    if (best) this.#best = { step, loss, accuracy };
    this.options.listener({
      type: 'evaluation',
      step,
      split: 'validation',
      loss,
      accuracy,
      ...(perplexity !== undefined && { perplexity }),
      targets,
      duration: (performance.now() - start) / 1000,
      best,
    });
    return best;
  }

  /** Takes a copy now and writes it while training goes on; waits for the one before. */
  async #checkpoint(
    snapshot: Snapshot,
    nextSlot: number,
    progress: Progress,
    isBest: boolean,
  ): Promise<void> {
    await this.#writing;
    snapshot.take(nextSlot);
    const writing = this.#writeCheckpoint(snapshot, progress, isBest);
    // Its error is met where it is awaited.
    writing.catch(() => undefined);
    this.#writing = writing;
  }

  async #writeCheckpoint(snapshot: Snapshot, progress: Progress, isBest: boolean): Promise<void> {
    const start = performance.now();
    const name = checkpointName(progress.step);
    const path = await snapshot.write(this.#directory.checkpoints, name, progress);
    await this.#directory.point('latest', name);
    if (isBest) await this.#directory.point('best', name);
    const best = await this.#directory.readPointer('best');
    await this.#directory.prune(
      this.config.train.checkpoint.keep,
      best === undefined ? [] : [best],
    );
    this.options.listener({
      type: 'checkpoint',
      step: progress.step,
      path,
      bytes: snapshot.bytes,
      duration: (performance.now() - start) / 1000,
    });
  }
}
