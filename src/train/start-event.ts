import { memoryByKind } from '../compute/memory-kinds.js';
import { longestRow } from '../compute/sizes.js';
import type { Config } from '../config/schema.js';
import type { StartEvent } from '../events.js';
import { countParameters } from '../model/describe.js';
import { summarizeNetwork } from '../model/summary.js';
import { taskOf } from '../tasks/registry.js';
import type { Setting } from './setting.js';

/** What listeners are told when a run begins, or goes on. */
export function describeStart(
  runDir: string,
  config: Config,
  run: Pick<Setting, 'corpus' | 'engine' | 'choice' | 'updates' | 'translations'>,
  steps: { fromStep: number; totalSteps: number },
): StartEvent {
  const { corpus, engine, choice, updates, translations } = run;
  const { sizes } = engine.handle;
  const { task } = config;
  return {
    type: 'start',
    runDir,
    task,
    backend: { name: choice.kind, reason: choice.reason, profile: choice.profile },
    workers: sizes.parts,
    parameters: countParameters(sizes.shape),
    heapBytes: engine.heap.bytes.byteLength + (translations?.heapBytes ?? 0),
    network: summarizeNetwork(sizes.shape, longestRow(config)).map(
      ({ name, kind, output: { width }, parameters, work }) => ({
        ...{ name, kind, width, parameters },
        share: Number(work.toFixed(4)),
      }),
    ),
    memory: {
      ...memoryByKind(choice.kind, sizes),
      ...(translations && { translations: translations.heapBytes }),
    },
    ...steps,
    stepsPerEpoch: updates.perEpoch,
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
