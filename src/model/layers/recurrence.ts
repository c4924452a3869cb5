import type { z } from 'zod';
import type { Zod } from '../../zod.js';
import { panelsOf } from '../../tensor/heap.js';
import { defineAmong, UnfitInput, type LayerKind, type NetworkLayer } from '../layer.js';
import { bias, matrix, uniform, ZERO } from '../weights/parameters.js';
import type { LayerName } from '../graph/shape.js';
import type { Signal } from '../signal.js';
import { partsOf, type CellKind, type Direction, type RecurrentParameters } from './cell.js';
import { describeNorm, listNorm, planNorm } from './cell-norm.js';
import { joinDirections, type Merge } from './directions.js';
import { planHiddenWeight } from './hidden-weight.js';
import { planRecurrence } from './recurrent-buffers.js';
import { RecurrentLayer } from './recurrent-layer.js';

/*
 * What recurrent layers have in common. The sums that a cell's gates are formed of have a part of x_t and one of h_{t−1}.
 * The former do not wait for each other and are formed for all tokens at once, in a layer above the embedding once for each
 * distinct token; the latter step after step, in one call of the cell's kernel, or by a team of workers that meets after every step.
 */

/** How both directions are put together unless something else is said. */
const USUAL_MERGE = 'concatenate';

/** Options of every recurrent layer, and a cell's own. */
function recurrentOptions(zod: Zod, own: z.ZodRawShape): z.ZodType<RecurrentOptions> {
  const shared = zod.strictObject({
    hiddenSize: zod.int().positive().describe("Width of the layer's hidden state."),
    direction: zod
      .enum(['forwards', 'backwards', 'both'])
      .default('forwards')
      .describe(
        'From which end rows are read. `both` has weights of its own for each direction, and puts their hidden states together.',
      ),
    merge: zod
      .enum(['concatenate', 'sum'])
      .optional()
      .describe(
        'How the hidden states of both directions are put together: side by side, as they are by default, or added. Beside `direction: both` alone.',
      ),
    weightDropout: zod
      .number()
      .min(0)
      .lt(1)
      .default(0)
      .describe(
        'Share of the weights from hidden state to hidden state that is dropped in training, drawn once a step (DropConnect).',
      ),
    layerNorm: zod
      .boolean()
      .default(false)
      .describe(
        "Whether what goes into the gates is normalised over all units, of the token and of the hidden state each on its own, and an LSTM's cell state before it shows (Ba et al. 2016).",
      ),
    initialState: zod
      .enum(['zeros', 'learned'])
      .default('zeros')
      .describe(
        'What rows start from: zeros, or vectors that are learned, the same for all rows. Rows of a language model that go on where those of the batch before have ended start from what these have left.',
      ),
  });
  return (
    (shared.extend(own) as unknown as typeof shared)
      .refine(
        ({ direction, merge = USUAL_MERGE }) => direction === 'both' || merge === USUAL_MERGE,
        {
          path: ['merge'],
          error:
            'expected beside direction: both alone, where there are two directions to put together',
        },
      )
      // A layer of one direction has nothing to put together: a value there would be one that means nothing.
      .transform(({ merge = USUAL_MERGE, ...options }) =>
        options.direction === 'both' ? { ...options, merge } : options,
      )
  );
}

interface RecurrentOptions {
  hiddenSize: number;
  direction: Direction | 'both';
  merge?: Merge | undefined;
  weightDropout: number;
  layerNorm: boolean;
  initialState: 'zeros' | 'learned';
}

/** What rows begin with may be another layer's, too. */
interface Described extends RecurrentOptions {
  begins: RecurrentOptions['initialState'] | 'given';
}

/**
 * The kind of layer that runs a cell over the tokens of every row.
 *
 * @param definition.options that the cell has besides those of every recurrent layer
 * @param definition.training those of them that only change how weights are trained
 * @param definition.cell what they make of it
 */
export function recurrentLayer<S extends z.ZodRawShape>(definition: {
  kind: string;
  options: (zod: Zod) => S;
  training?: readonly string[];
  cell(options: z.output<z.ZodObject<S>>): CellKind;
}): LayerKind {
  return defineAmong<RecurrentOptions>({
    kind: definition.kind,
    options: (zod) => recurrentOptions(zod, definition.options(zod)),
    accepts: ['token', 'distinct'],
    place: 'layers',
    training: ['weightDropout', ...(definition.training ?? [])],
    dropped: true,
    numbered: true,
    describe(given, [input, ...others], name) {
      if (input.stream !== undefined) {
        throw new UnfitInput(
          `${definition.kind} reads distinct words, not distinct values of a feature`,
        );
      }
      const { direction, merge } = given;
      const cell = definition.cell(given as unknown as z.output<z.ZodObject<S>>);
      if (others.length > 0) expectStates(definition.kind, cell, given, others);
      if (given.layerNorm && !cell.normed) {
        throw new UnfitInput(
          `expected layerNorm: false, since this ${definition.kind} multiplies the recurrent weights with what its gates make of the hidden state`,
        );
      }
      const begins = others.length > 0 ? 'given' : given.initialState;
      const described = (one: Direction): NetworkLayer =>
        describe(cell, { ...given, begins }, one, input, name);
      if (direction !== 'both') return described(direction);
      return joinDirections(described('forwards'), described('backwards'), {
        merge: merge ?? USUAL_MERGE,
        name: `${name.module} ${name.index}`,
      });
    },
  });
}

/** @throws UnfitInput for what a layer cannot begin with */
function expectStates(
  kind: string,
  { carries }: CellKind,
  { hiddenSize, direction, initialState }: RecurrentOptions,
  [given, ...others]: readonly Signal[],
): void {
  const { states } = given!;
  if (!states || others.length > 0) {
    throw new UnfitInput(
      `${kind} stands on one layer, and on one that leaves what its rows begin with`,
    );
  }
  if (states.count !== carries.length || states.width !== hiddenSize) {
    throw new UnfitInput(
      `${kind} begins with ${carries.length} states of ${hiddenSize} values, not with ${states.count} of ${states.width}`,
    );
  }
  if (direction === 'both') {
    throw new UnfitInput(
      'expected one direction, where rows begin with what another layer leaves',
      'direction',
    );
  }
  if (initialState !== 'zeros') {
    throw new UnfitInput(
      'expected zeros, where rows begin with what another layer leaves',
      'initialState',
    );
  }
}

function describe(
  cell: CellKind,
  { hiddenSize: hidden, weightDropout, layerNorm, begins }: Described,
  direction: Direction,
  input: Signal,
  { module, index }: LayerName,
): NetworkLayer {
  const suffix = direction === 'backwards' ? `${index}_reverse` : index;
  const name = (what: string): string => `${module}.${what}_l${suffix}`;
  const { inputRows, hiddenRows } = cell;
  const rows = { input: inputRows.blocks * hidden, hidden: hiddenRows.blocks * hidden };
  const initial = uniform(hidden);
  const parts = partsOf(cell, layerNorm);
  const parameters: RecurrentParameters = {
    inputWeight: matrix(name('weight_ih'), [rows.input, input.width], initial, { rows: inputRows }),
    hiddenWeight: matrix(name('weight_hh'), [rows.hidden, hidden], initial, { rows: hiddenRows }),
    inputBias: bias(name('bias_ih'), rows.input, cell.inputBias, { rows: inputRows }),
    hiddenBias: bias(name('bias_hh'), rows.hidden, cell.hiddenBias, {
      rows: hiddenRows,
      // Biases that are added to the same sums have the same gradient.
      ...(hiddenRows === inputRows && {
        gradientKind: { kind: 'same', as: name('bias_ih') } as const,
      }),
    }),
    ...(layerNorm && { norm: describeNorm(cell, hidden, name) }),
    ...(begins === 'learned' && {
      initial: cell.carries.map((state) =>
        bias(name(`initial_${state}`), hidden, ZERO, { gradientKind: { kind: 'own' } }),
      ),
    }),
  };
  return {
    output: { per: 'token', width: hidden, final: true },
    reads: 'whole',
    parameters: [
      parameters.inputWeight,
      parameters.hiddenWeight,
      parameters.inputBias,
      parameters.hiddenBias,
      ...(parameters.norm ? listNorm(parameters.norm) : []),
      ...(parameters.initial ?? []),
    ],
    carried: [
      ...cell.carries.map((state) => ({ name: `${state}_l${suffix}`, width: hidden })),
      // Whether there is something: zeros may be a state like others.
      ...(begins !== 'zeros' ? [{ name: `begun_l${suffix}`, width: 1 }] : []),
    ],
    reverses: direction === 'backwards',
    recurrences: [{ units: panelsOf(hidden), gates: hiddenRows.blocks, meetings: parts }],
    gradientInPlace: true,
    // After the input product, and after every step, or part of one, and what precedes the first one; and around given states.
    meetings: (steps) => parts * steps + (begins === 'given' ? 3 : 2),
    multiplyAdds: (tokens) => (rows.input * input.width + rows.hidden * hidden) * tokens,
    plan(heap, sizes, shared) {
      const buffers = planRecurrence(heap, sizes, shared, `${module} ${suffix}`, {
        ...{ cell, hidden, begins, input },
      });
      if (sizes.training && weightDropout > 0) {
        const { name: weight, shape } = parameters.hiddenWeight;
        buffers.droppedWeight = {
          value: heap.tensor(`dropped ${weight}`, shape),
          packed: planHiddenWeight(heap, `dropped ${weight}`, cell, hidden, sizes.precision),
        };
      }
      if (layerNorm) {
        buffers.norm = planNorm(heap, `${module} ${suffix}`, cell, hidden, input, sizes);
      }
      return {
        values: buffers.hidden,
        states: buffers.states,
        bind: (binding, [below, given], gradient) =>
          new RecurrentLayer(
            { cell, parameters, buffers, direction, weightDropout, inputPer: input.per },
            binding,
            { below: below!, ...(given && { given }) },
            gradient,
          ),
      };
    },
  };
}
