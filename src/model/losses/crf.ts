import {
  crf as crfKernel,
  crfEnds,
  crfPack,
  crfTransitions,
  NEVER,
  type CrfOperands,
  type CrfPacked,
  type CrfScores,
} from '../../backend/kernels/crf.js';
import { weightGradient } from '../../backend/kernels/weight-gradient.js';
import { PANEL, panelsOf, type Heap } from '../../tensor/heap.js';
import { bindParameter, countRows, type Binding } from '../binding.js';
import type { ChainLoss, LossKind } from '../loss.js';
import { bias, matrix, ZERO } from '../weights/parameters.js';
import { maxPlaces } from '../sizes.js';
import { weightGradientGroup } from '../weights/weight-gradients.js';

export interface CrfOptions {
  /**
   * What a best path does not do: from · (classes + 2) + to for a tag that another may not follow; with to = classes for one
   * that begins no row, classes + 1 for one that ends none.
   */
  forbidden?: readonly number[];
}

const names = {
  transitions: 'crf.transitions',
  start: 'crf.start_transitions',
  end: 'crf.end_transitions',
};

/**
 * A linear-chain conditional random field (Lafferty et al. 2001) over the tags of a row: besides the logits of each token it
 * learns how well a tag goes with the one before, as the first and as the last. The loss is −ln p(all tags of the row), a token's
 * share of it lies at its place; predictions are the likeliest tags of the row as a whole, and probabilities those of each
 * token's tags over all ways to tag the others.
 */
export const crf: LossKind = {
  kind: 'crf',
  parameters({ width: classes }) {
    return [
      matrix(names.transitions, [classes, classes], ZERO),
      bias(names.start, classes, ZERO, { gradientKind: { kind: 'own' } }),
      bias(names.end, classes, ZERO),
    ];
  },
  plan(options, heap, sizes, { width: classes }, logits) {
    const { forbidden = [] } = options as CrfOptions;
    const places = maxPlaces(sizes);
    const losses = heap.tensor('losses', [places]);
    const columns = panelsOf(classes) * PANEL;
    const packed = {
      expTo: heap.panels('packed crf exponentials', classes, classes),
      expFrom: heap.panels('packed crf exponentials by what precedes', classes, classes),
      expStart: heap.tensor('packed crf starts', [columns]),
      expEnd: heap.tensor('packed crf ends', [columns]),
      best: heap.panels('packed crf scores', classes, classes),
      bestStart: heap.tensor('packed crf start scores', [columns]),
      bestEnd: heap.tensor('packed crf end scores', [columns]),
    };
    const allowed = heap.tensor('packed crf allowed', [classes, classes + 2]);
    // Behind all places stand rows of zeros: nothing is ahead of a row's first token.
    const ahead = heap.panels('crf ahead', places + sizes.maxRows, classes);
    const behind = heap.panels('crf behind', places, classes);
    const predicted = heap.indices('predicted', places);
    return {
      ...{ losses, predicted, crossEntropies: losses, outputs: logits },
      compares: 'ids',
      meetings: 2,
      constants: [{ buffer: allowed, values: rulesOf(classes, forbidden) }],
      bind(binding, { value }): ChainLoss {
        const { backend, heap: bound, slotPlan, clock, view, training } = binding;
        const scores = bindScores(binding);
        const ready = bindPacked(bound, packed);
        const rows = {
          rowStart: bound.indices(slotPlan.rowStart),
          tokenPlaces: bound.indices(slotPlan.tokenPlaces),
        };
        const targets = bound.indices(slotPlan.targets);
        const passes = { ahead: bound.tensor(ahead), behind: bound.tensor(behind) };
        const operands: Omit<CrfOperands, 'mode'> = {
          ...{ ...scores, ...ready, ...rows, ...passes, logits: value },
          ...{ losses: bound.tensor(losses), predicted: bound.indices(predicted) },
        };
        const bindMode = (mode: CrfOperands['mode']) =>
          backend.bind(crfKernel, {
            ...{ ...operands, mode },
            ...(mode !== 'predict' && { targets }),
          });
        const modes = {
          train: bindMode('train'),
          evaluate: bindMode('evaluate'),
          predict: bindMode('predict'),
        };
        const pack = backend.bind(crfPack, {
          ...{ ...scores, ...ready, allowed: bound.tensor(allowed) },
        });
        const units = panelsOf(classes);
        return {
          by: 'rows of tokens',
          run(mode, row0, row1) {
            modes[mode](mode === 'train' ? 1 / view.divisor : 0, row0, row1);
            clock.lap('loss');
          },
          ...(training && {
            weightGradients: bindGradients(binding, { ...passes, ...rows, targets, value }),
          }),
          packs: [
            {
              parameters: Object.values(names),
              group: { units, cost: 8 * classes, run: pack },
            },
          ],
        };
      },
    };
  },
};

/** [classes, classes + 2], row by row. */
function rulesOf(classes: number, forbidden: readonly number[]): number[] {
  const rules = new Array<number>(classes * (classes + 2)).fill(0);
  for (const place of forbidden) rules[place] = NEVER;
  return rules;
}

function bindScores(binding: Binding): CrfScores {
  return {
    transitions: bindParameter(binding, names.transitions).value,
    start: bindParameter(binding, names.start).value,
    end: bindParameter(binding, names.end).value,
  };
}

function bindPacked(
  heap: Heap,
  specs: Record<keyof CrfPacked, Parameters<Heap['tensor']>[0]>,
): CrfPacked {
  const entries = Object.entries(specs).map(([name, spec]) => [name, heap.tensor(spec)] as const);
  return Object.fromEntries(entries) as unknown as CrfPacked;
}

/** Sums over tokens and rows, in the order that all sums have. */
function bindGradients(
  binding: Binding,
  lies: Pick<CrfOperands, 'ahead' | 'behind' | 'rowStart' | 'tokenPlaces'> & {
    targets: NonNullable<CrfOperands['targets']>;
    value: CrfOperands['logits'];
  },
): NonNullable<ChainLoss['weightGradients']> {
  const { backend, heap, slotPlan, scratch, view } = binding;
  const { ahead, behind, rowStart, tokenPlaces, targets, value } = lies;
  const transitions = bindParameter(binding, names.transitions);
  const start = bindParameter(binding, names.start);
  const end = bindParameter(binding, names.end);
  // Of every two neighbours what is ahead of the first and behind the second.
  const sum = backend.bind(weightGradient, {
    ...{ dOutput: ahead, input: behind, scratch, rows: transitions.rows },
    orderOutput: heap.indices(slotPlan.previous),
    orderInput: heap.indices(slotPlan.order),
    runs: heap.indices(slotPlan.runs),
    segments: heap.indices(slotPlan.shardTokens),
    ...{ out: transitions.gradient!, squares: transitions.squares! },
  });
  const finish = backend.bind(crfTransitions, {
    ...{ sums: transitions.gradient!, transitions: transitions.value, targets },
    ...{ rowStart, tokenPlaces, rows: heap.indices(slotPlan.header) },
    squares: transitions.squares!,
  });
  const ends = backend.bind(crfEnds, {
    ...{ dLogits: value, rowStart, tokenPlaces, segments: heap.indices(slotPlan.shardRows) },
    ...{ dStart: start.gradient!, dEnd: end.gradient!, squares: start.squares! },
  });
  const classes = transitions.value.shape[1]!;
  return [
    weightGradientGroup(
      binding,
      transitions.units,
      () => classes * countRows(binding, 'token'),
      (from, to) => {
        sum(from, to);
        finish(1 / view.divisor, from, to);
      },
    ),
    weightGradientGroup(binding, start.units, () => 2 * view.rows, ends),
  ];
}
