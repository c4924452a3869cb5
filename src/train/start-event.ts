import type { StartEvent } from '../events.js';
import { countParameters } from '../model/describe.js';
import { taskOf, type TaskKind } from '../tasks/registry.js';
import type { Setting } from './setting.js';

/** What listeners are told when a run begins, or goes on. */
export function describeStart(
  runDir: string,
  task: TaskKind,
  run: Pick<Setting, 'corpus' | 'engine' | 'choice' | 'updates' | 'translations'>,
  steps: { fromStep: number; totalSteps: number },
): StartEvent {
  const { corpus, engine, choice, updates, translations } = run;
  const { sizes } = engine.handle;
  return {
    type: 'start',
    runDir,
    task,
    backend: { name: choice.kind, reason: choice.reason, profile: choice.profile },
    workers: sizes.parts,
    parameters: countParameters(sizes.shape),
    heapBytes: engine.heap.bytes.byteLength + (translations?.heapBytes ?? 0),
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
