import ndarray from 'ndarray';
import { PANEL, panelsOf, type IndexTensor, type Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Kernel, type Rows, type Units } from './kernel.js';
import { at, columnsOf, dot, setElement } from './operands.js';
import { startArguments, startOf, type ProductStart } from './product.js';
import { seenRow, windowsArguments, type Windows } from './windows.js';
import { bytesOf } from './work.js';

export interface ConvolveOperands {
  /** [panels, places, 16] */
  input: Tensor;
  windows: Windows;
  /** [taps, out panels, 16 · panels, 16]: what is seen at a tap is multiplied with */
  weight: Tensor;
  /** [out panels, places, 16] */
  out: Tensor;
  /** A bias: [16 · out panels] */
  start: ProductStart;
}

/**
 * A packed weight tap by tap, [taps, out panels, k, 16].
 *
 * @param together what of a tap lies together: its inputs, of [out panels, taps · k, 16], or its outputs, of [taps · out panels, k, 16]
 */
export function byTap<T extends Tensor | IndexTensor>(
  packed: T,
  taps: number,
  together: 'inputs' | 'outputs',
): T {
  const [panels, k] = packed.shape as [number, number];
  const [panelStep, step, lane] = packed.stride as [number, number, number];
  const [shape, tapStep]: [number[], number] =
    together === 'inputs'
      ? [[taps, panels, k / taps, PANEL], (k / taps) * step]
      : [[taps, panels / taps, k, PANEL], (panels / taps) * panelStep];
  return ndarray(packed.data, shape, [tapStep, panelStep, step, lane], packed.offset) as T;
}

/** Sums over taps, and over the inputs of each, for places [place0, place1): out = start + Σ seen(tap) · weight(tap). */
export const convolve: Kernel<ConvolveOperands, Rows> = {
  name: 'convolve',
  arguments: ({ input, windows, weight, out, start }) => [
    ...windowsArguments(input, windows),
    ...[at(weight), weight.stride[1]!, weight.stride[0]!],
    ...[at(out), out.stride[0]!, out.shape[0]!, ...startArguments(start)],
  ],
  call: plainNumbers,
  reference({ input, windows, weight, out, start }) {
    const taps = Array.from({ length: weight.shape[0]! }, (_, tap) => weight.pick(tap));
    return (place0, place1) => {
      for (let place = place0; place < place1; place++) {
        for (let n = 0; n < columnsOf(out); n++) {
          let sum = startOf(start, out, place, n);
          taps.forEach((ofTap, tap) => {
            const seen = seenRow(input, windows, tap, place);
            if (seen) sum = dot(sum, seen.matrix, seen.row, ofTap, n);
          });
          setElement(out, place, n, sum);
        }
      }
    };
  },
  work: ({ input, weight, out, start }) => ({
    kernel: 'convolution',
    about: weight,
    changes: start === 'result' ? [out] : [],
    of(place0, place1) {
      const rows = place1 - place0;
      const [inputs, n] = [columnsOf(input), columnsOf(out)];
      const k = weight.shape[0]! * inputs;
      const results = (start === 'result' ? 2 : 1) * rows * n;
      return {
        size: `${rows} × ${k} × ${n}`,
        flops: 2 * rows * k * n,
        bytes: bytesOf(input, rows * inputs + k * n + results),
      };
    },
  }),
};

export interface TapsOperands {
  /** [channels, inputs · taps]: of one input all taps side by side, as PyTorch has them; more columns fill up a gradient */
  weight: Tensor;
  /** [channels, taps · 16 ⌈inputs / 16⌉]: of one tap all inputs side by side, as windows have them */
  tapped: Tensor;
  inputs: number;
  taps: number;
}

/** Puts the weights of units [unit0, unit1) of 16 channels in the order of windows. */
export const partTaps = tapsKernel('part_taps', ({ weight, tapped, inputs, taps }, channel) => {
  const padded = panelsOf(inputs) * PANEL;
  for (let column = 0; column < taps * padded; column++) {
    const [input, tap] = [column % padded, Math.floor(column / padded)];
    tapped.set(channel, column, input < inputs ? weight.get(channel, input * taps + tap) : 0);
  }
});

/** Puts gradients in the order of windows back into that of the weights. */
export const joinTaps = tapsKernel('join_taps', ({ weight, tapped, inputs, taps }, channel) => {
  const padded = panelsOf(inputs) * PANEL;
  for (let column = 0; column < inputs * taps; column++) {
    const [input, tap] = [Math.floor(column / taps), column % taps];
    weight.set(channel, column, tapped.get(channel, tap * padded + input));
  }
});

function tapsKernel(
  name: string,
  move: (operands: TapsOperands, channel: number) => void,
): Kernel<TapsOperands, Units> {
  return {
    name,
    arguments: ({ weight, tapped, inputs, taps }) => [
      ...[at(weight), weight.shape[1]!, at(tapped), weight.shape[0]!, inputs, taps],
    ],
    call: plainNumbers,
    reference: (operands) => (unit0, unit1) => {
      const end = Math.min(operands.weight.shape[0]!, unit1 * PANEL);
      for (let channel = unit0 * PANEL; channel < end; channel++) move(operands, channel);
    },
  };
}
