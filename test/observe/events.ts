import type { StartEvent, StepEvent } from '../../src/events.js';

/** Events as a small run would emit them. */

export function startEvent(changes: Partial<StartEvent> = {}): StartEvent {
  return {
    type: 'start',
    runDir: 'runs/tiny',
    task: 'classify',
    backend: { name: 'wasm', reason: 'no compiler', profile: 'fma', precision: 'float32' },
    workers: 2,
    parameters: 1_234_567,
    heapBytes: 3 * 1024 * 1024,
    network: [{ name: 'embedding 0', kind: 'embedding', width: 8, parameters: 4000, share: 0 }],
    flopsPerToken: 24_000,
    configDigest: '0123456789abcdef'.repeat(4),
    bestBy: 'loss',
    badRows: 3,
    memory: { weights: 1024 * 1024, activations: 2 * 1024 * 1024 },
    fromStep: 0,
    totalSteps: 100,
    stepsPerEpoch: 40,
    trainRows: 1280,
    trainTokens: 12_800,
    validationRows: 128,
    vocabulary: 500,
    classes: ['ham', 'spam'],
    classRows: [1000, 280],
    ...changes,
  };
}

export function stepEvent(step: number, changes: Partial<StepEvent> = {}): StepEvent {
  return {
    type: 'step',
    step,
    epoch: Math.floor((step - 1) / 40),
    loss: 1 / step,
    accuracy: 0.75,
    gradNorm: 2.5,
    learningRate: 0.001,
    rows: 32,
    tokens: 320,
    duration: 0.02,
    phases: { gradient: 0.015, update: 0.005 },
    busy: 0.9,
    ...changes,
  };
}
