import type { SequenceOperands } from '../../src/backend/kernels/sequence.js';
import { PANEL, panelsOf } from '../../src/tensor/heap.js';
import { isUnit, type Kind } from './recurrence-layout.js';
import { uniform, type Fill, type Workbench } from './workbench.js';

/** Errors of values that few units share alike are amplified: by 1 / √ε at most, where they are all the same. */
const NORM_EPSILON = 0.01;

/** What layer normalization adds to a layer's buffers; backwards what forwards has left there. */
export function normOf(
  bench: Workbench,
  kind: Kind,
  hidden: number,
  tokens: number,
  passes: 'forwards' | 'backwards',
): Pick<SequenceOperands, 'norm'> {
  if (!kind.norm) return {};
  const { parts, productPanels } = kind.norm;
  const units = panelsOf(hidden);
  const columns = kind.panels * units * PANEL;
  const counted = (column: number): boolean =>
    isUnit(column, hidden, kind.panels) &&
    productPanels.includes(Math.floor(column / PANEL) % kind.panels);
  const only =
    (fill: Fill): Fill =>
    (row, column) =>
      counted(column) ? fill(row, column) : 0;
  const backwards = passes === 'backwards';
  const vector = (name: string, length: number, fill: Fill) =>
    bench.tensor(name, [length], (column) => fill(0, column));
  const raw = bench.panels('raw', tokens, columns, backwards ? only(uniform(1, 8)) : undefined);
  const gain = vector(
    'gain',
    columns,
    only((row, column) => 1 + uniform(0.5, 9)(row, column)),
  );
  // Of the columns that count what has been found forwards: small means, and scales about 1.
  const statistics = bench.tensor(
    'statistics',
    [2 * (parts - 1), tokens],
    backwards ? (of, token) => (of % 2) + uniform(0.3, 10)(of, token) : undefined,
  );
  const inUnits: Fill = (_, column) => (column < hidden ? 1 + uniform(0.5, 11)(0, column) : 0);
  const state = parts === 3 && {
    gain: vector('state gain', units * PANEL, inUnits),
    bias: vector('state bias', units * PANEL, inUnits),
  };
  return {
    norm: {
      ...{ raw, gain, statistics, hiddenSize: hidden, epsilon: NORM_EPSILON },
      ...(state && { state }),
      ...(backwards && {
        dRaw: bench.panels('d raw', tokens, columns),
        ...(state && { dState: bench.panels('d state', tokens, hidden) }),
      }),
    },
  };
}
