import { PANEL, type DoubleTensor, type IndexTensor, type Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Call, type Kernel, type Units } from './kernel.js';
import { at, element, maybe } from './operands.js';
import { rowArguments, rowsOfUnit, type RowMap } from './rows.js';
import { bytesOf } from './work.js';

/** What an optimizer's kernel needs of one parameter. */
export interface UpdateOperands {
  /** [rows, columns] or [rows] */
  parameter: Tensor;
  /** What the rule keeps from step to step, as it names them in `states`; each of the parameter's shape. */
  states: readonly Tensor[];
  /**
   * The gradient: like the parameter, but a matrix has whole panels of columns; or by distinct token [column panels, tokens,
   * 16] with `index` [rows] telling each row's place or −1.
   */
  gradient: Tensor;
  index?: IndexTensor;
  /** With `index`: a gradient like the parameter, to whose rows those by distinct token are added. */
  dense?: Tensor;
  rows: RowMap;
  /** What of the parameter is added to its gradient, or, by AdamW, taken from it apart; 0 for biases and the like. */
  weightDecay: number;
  /** [units]: the step each unit has been brought to. */
  done: IndexTensor;
  /** The numbers of `UPDATE_SETTINGS`, then those of the rule. */
  settings: DoubleTensor;
  /** At least `updateScratch(columns)` floats of this thread's own. */
  scratch: Tensor;
}

/**
 * Settings that all rules have, the first ones in `UpdateOperands.settings`: the number of the step under way, what
 * gradients are multiplied by, the norm that they are clipped to, and the size that each element then has at most.
 */
export const UPDATE_SETTINGS = ['step', 'scale', 'clipNorm', 'clipValue'] as const;
export type UpdateSetting = (typeof UPDATE_SETTINGS)[number];

/** Settings at most, the common ones included. */
export const MOST_SETTINGS = 16;

/** The smallest normal number of float32: states below it are none (kernels/update.h). */
const LEAST_STATE = 2 ** -126;

/** State arrays that a rule may have. */
const MOST_STATES = 3;

/** Floats of scratch that an update needs: 16 rows, and the vector that the last one may reach into. */
export function updateScratch(columns: number): number {
  return PANEL * columns + PANEL;
}

/** One update of the 16-row units [unit0, unit1) of a parameter by an optimizer's rule. */
export interface UpdateKernel<Setting extends string = string> extends Kernel<
  UpdateOperands,
  Units
> {
  /** Names of its states, as PyTorch's optimizer has them; checkpoints use them. */
  readonly states: readonly string[];
  /** Names of its settings, in the order in which they stand behind `UPDATE_SETTINGS`. */
  readonly settings: readonly Setting[];
}

/** What a rule makes of one element. */
export interface Element<Setting extends string> {
  parameter: number;
  states: readonly number[];
  /** Scaled and clipped. */
  gradient: number;
  weightDecay: number;
  settings: Readonly<Record<Setting, number>>;
}

/**
 * A rule's kernel from what tells it from others.
 *
 * @param rule.update new parameter and states of one element
 * @param rule.flops operations on one element
 */
export function updateKernel<Setting extends string>(rule: {
  name: string;
  states: readonly string[];
  settings: readonly Setting[];
  update: (element: Element<Setting>) => { parameter: number; states: readonly number[] };
  flops: number;
}): UpdateKernel<Setting> {
  const { name, states, settings, flops } = rule;
  return {
    name,
    states,
    settings,
    arguments: (o) => {
      const places = Array.from({ length: MOST_STATES }, (_, i) => maybe(o.states[i]));
      return [
        ...[at(o.parameter), ...places, at(o.gradient), o.gradient.stride[0]!, maybe(o.index)],
        ...[o.parameter.shape[1] ?? 1, ...rowArguments(o.parameter.shape[0]!, o.rows)],
        ...[o.weightDecay, at(o.done), at(o.settings), at(o.scratch)],
        ...[maybe(o.dense), o.dense?.stride[0] ?? 0],
      ];
    },
    call: plainNumbers,
    reference: (o) => referenceUpdate(o, settings, rule.update),
    work: (o) =>
      // Biases take microseconds.
      o.parameter.shape.length === 1
        ? undefined
        : {
            kernel: name,
            about: o.parameter,
            changes: [o.parameter, ...o.states, o.done],
            of(unit0, unit1) {
              const columns = o.parameter.shape[1]!;
              const rows = Math.min(o.parameter.shape[0]!, (unit1 - unit0) * PANEL);
              const gradients = gradientRows(o.index, unit0, rows) + (o.dense ? rows : 0);
              const visits = 2 * (1 + states.length) * rows + gradients;
              return {
                size: `${rows} × ${columns}`,
                flops: flops * rows * columns,
                bytes: bytesOf(o.parameter, visits * columns),
              };
            },
          },
  };
}

/** Of so many rows from a unit on, those that have a gradient. */
function gradientRows(index: IndexTensor | undefined, unit: number, rows: number): number {
  if (!index) return rows;
  let gradients = 0;
  for (let row = unit * PANEL; row < unit * PANEL + rows; row++) {
    if (index.get(row) >= 0) gradients++;
  }
  return gradients;
}

function referenceUpdate<Setting extends string>(
  o: UpdateOperands,
  names: readonly Setting[],
  update: (element: Element<Setting>) => { parameter: number; states: readonly number[] },
): Call<Units> {
  const columns = o.parameter.shape[1] ?? 1;
  // Places in the data, as in `dot`, for the same reason.
  const placeIn = ({ offset, stride }: Tensor, row: number, column: number): number =>
    offset + row * stride[0]! + column * (stride[1] ?? 0);
  const gradientAt = (row: number, column: number): number => {
    const source = o.index?.get(row);
    if (source === undefined) return o.gradient.data[placeIn(o.gradient, row, column)]!;
    const dense = o.dense ? o.dense.data[placeIn(o.dense, row, column)]! : 0;
    return source >= 0 ? dense + element(o.gradient, source, column) : dense;
  };
  return (unit0, unit1) => {
    const [step, scale, most] = [0, 1, 3].map((place) => o.settings.get(place)) as [
      number,
      number,
      number,
    ];
    const settings = Object.fromEntries(
      names.map((name, i) => [name, o.settings.get(UPDATE_SETTINGS.length + i)]),
    ) as Record<Setting, number>;
    for (let unit = unit0; unit < unit1; unit++) {
      if (o.done.get(unit) === step) continue;
      for (const row of rowsOfUnit(unit, o.parameter.shape[0]!, o.rows).rows) {
        for (let column = 0; column < columns; column++) {
          const place = placeIn(o.parameter, row, column);
          const updated = update({
            parameter: o.parameter.data[place]!,
            states: o.states.map((state) => state.data[placeIn(state, row, column)]!),
            gradient: Math.max(-most, Math.min(most, gradientAt(row, column) * scale)),
            weightDecay: o.weightDecay,
            settings,
          });
          o.states.forEach((state, i) => {
            const value = updated.states[i]!;
            state.data[placeIn(state, row, column)] = Math.abs(value) < LEAST_STATE ? 0 : value;
          });
          o.parameter.data[place] = updated.parameter;
        }
      }
      o.done.set(unit, step);
    }
  };
}
