import { digestText } from '../checkpoint/run-state.js';
import { memoryByKind } from '../compute/memory-kinds.js';
import { longestRow, precisionOf } from '../compute/sizes.js';
import type { Config } from '../config/schema.js';
import type { Corpus } from '../data/store/corpus.js';
import type { BestEvaluation, StartEvent } from '../events.js';
import { countParameters, flopsPerStep } from '../model/graph/describe.js';
import type { NetworkShape } from '../model/graph/shape.js';
import { summarizeNetwork } from '../model/graph/summary.js';
import { signConfig } from '../run/signed-config.js';
import { taskOf } from '../tasks/registry.js';
import type { Setting } from './setting.js';

/** What listeners are told when a run begins, or goes on. */
export function describeStart(
  runDir: string,
  config: Config,
  run: Pick<Setting, 'corpus' | 'engine' | 'choice' | 'updates' | 'translations'>,
  steps: { fromStep: number; totalSteps: number },
  best: BestEvaluation | undefined,
): StartEvent {
  const { corpus, engine, choice, updates, translations } = run;
  const { sizes } = engine.handle;
  const { task } = config;
  return {
    type: 'start',
    runDir,
    task,
    backend: {
      ...{ name: choice.kind, reason: choice.reason, profile: choice.profile },
      precision: precisionOf(config),
    },
    workers: sizes.parts,
    parameters: countParameters(sizes.shape),
    heapBytes: engine.heap.bytes.byteLength + (translations?.heapBytes ?? 0),
    network: summarizeNetwork(sizes.shape, longestRow(config)).map(
      ({ name, kind, output: { width }, parameters, work }) => ({
        ...{ name, kind, width, parameters },
        share: Number(work.toFixed(4)),
      }),
    ),
    flopsPerToken: flopsPerToken(config, corpus, sizes.shape),
    memory: {
      ...memoryByKind(choice.kind, sizes),
      ...(translations && { translations: translations.heapBytes }),
    },
    ...steps,
    stepsPerEpoch: updates.perEpoch,
    configDigest: digestText(JSON.stringify(signConfig(config))),
    bestBy: config.train.bestBy,
    ...(best && { best }),
    badRows: corpus.manifest.sources.reduce((sum, { badRows }) => sum + badRows, 0),
    trainRows: corpus.train.rows,
    trainTokens: corpus.train.tokens,
    validationRows: corpus.validation?.rows ?? 0,
    vocabulary: corpus.tokenizer.vocabularySize,
    classes: corpus.classes,
    classRows: corpus.manifest.statistics.train.labels,
    classPer: taskOf(task).per,
    classNamed: taskOf(task).named,
    ...(corpus.targetScale && { targetScale: corpus.targetScale }),
  };
}

/** Of a row as long as those of the training split are on average, where rows are read whole. */
function flopsPerToken(config: Config, { train }: Corpus, shape: NetworkShape): number {
  const { rows, gives } = taskOf(config.task);
  if (rows === 'joined') {
    const { sequenceLength } = config.train;
    return Math.round(flopsPerStep(shape, sequenceLength, 1) / sequenceLength);
  }
  const mean = train.tokens / train.rows;
  // What is read of a target begins with a token more.
  const tokens = gives === 'pairs' ? mean + 1 : mean;
  const sources = train.source ? train.source.tokens / train.rows : tokens;
  return Math.round(flopsPerStep(shape, tokens, 1, sources) / tokens);
}
