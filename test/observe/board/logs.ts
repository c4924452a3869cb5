import { startEvent, stepEvent } from '../events.js';

/** Lines as a run's log holds them. */

const begin = Date.parse('2026-01-01T00:00:00Z');

export function line(event: object, seconds: number): string {
  return `${JSON.stringify({ time: new Date(begin + 1000 * seconds).toISOString(), ...event })}\n`;
}

/** The log of a run with an evaluation every `every` steps, ended by itself. */
export function logOf(
  steps: number,
  every = 10,
  changes: { loss?: (step: number) => number } = {},
) {
  const { loss = (step) => 1 / step } = changes;
  const lines = [line(startEvent({ totalSteps: steps }), 0)];
  for (let step = 1; step <= steps; step++) {
    lines.push(line(stepEvent(step, { loss: loss(step) }), step / 10));
    if (step % every === 0) lines.push(...evaluationAt(step, loss(step)));
  }
  const last = `c/step-${steps}`;
  lines.push(
    line(
      { type: 'end', reason: 'finished', step: steps, duration: 9, checkpoint: last },
      steps / 10,
    ),
  );
  return lines;
}

function evaluationAt(step: number, loss: number): string[] {
  const split = 'validation';
  const rows = [
    {
      row: 0,
      text: '<img src=x onerror=alert(1)>',
      target: 'spam',
      predicted: 'ham',
      probability: 0.75,
    },
    {
      ...{ row: 1, text: 'ein Haus', target: 'a house', predicted: 'a house' },
      attention: {
        source: ['ein', 'Haus'],
        target: ['a', 'house'],
        weights: [
          [0.9, 0.1],
          [0.2, 0.8],
        ],
      },
    },
  ];
  const counts = [
    [90, 10],
    [5, 23],
  ];
  return [
    { type: 'evaluation', step, split, loss, accuracy: 0.5, targets: 9, duration: 0.1, best: true },
    { type: 'samples', step, split, rows },
    { type: 'hardest', step, split, rows: rows.map((row) => ({ ...row, loss: 2.5 })) },
    { type: 'confusion', step, split, classes: ['ham', 'spam'], counts },
    {
      ...{ type: 'timeline', step },
      workers: [
        [{ phase: 'train', begin: 0, end: 0.01 }],
        [{ phase: 'train', begin: 0.001, end: 0.009 }],
      ],
    },
    { type: 'resources', step, residentBytes: 1e8 + step, heapBytes: 2e7, cpuSeconds: step },
    { type: 'checkpoint', step, path: `c/step-${step}`, bytes: 1e6, duration: 0.05 },
  ].map((event) => line(event, step / 10));
}
