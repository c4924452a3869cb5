import type { DoubleTensor, IndexTensor, Tensor } from '../tensor/heap.js';
import {
  KERNEL_NAMES,
  type AdamOperands,
  type Backend,
  type DropoutOperands,
  type KernelName,
  type LstmBackwardOperands,
  type LstmCall,
  type LstmForwardOperands,
  type NumericProfile,
  type ProductOperands,
  type SequenceOperands,
  type SoftmaxOperands,
  type WeightGradientOperands,
} from './kernels.js';

/** Runs kernel number `kernel` with the arguments at byte `argsOffset` of the heap. */
export type RunKernel = (kernel: number, argsOffset: number) => void;

/** Numbers that a call may add to a kernel's bound arguments. */
const CALL_ARGUMENTS = 8;
type Call = (a: number, b?: number, c?: number) => void;

const START = { zero: 0, bias: 1, result: 2 } as const;

/**
 * Adapter between the kernel interface and the C kernels, native and WebAssembly alike. Binding a kernel
 * writes its operands once, as byte offsets and counts, into a block of float64 numbers on the heap; a call
 * writes its few changing numbers behind them and passes the block's place.
 */
export class CompiledBackend implements Backend {
  #free: number;
  readonly #arguments: Float64Array;

  /** @param argumentSpace doubles on the heap of this thread's own that hold the arguments of bound kernels */
  constructor(
    readonly name: string,
    readonly profile: NumericProfile,
    readonly lanes: number,
    private readonly runKernel: RunKernel,
    argumentSpace: DoubleTensor,
  ) {
    this.#arguments = argumentSpace.data;
    this.#free = argumentSpace.offset;
    this.#end = argumentSpace.offset + (argumentSpace.shape[0] ?? 0);
  }
  readonly #end: number;

  product({ a, b, c, start }: ProductOperands): (row0: number, row1: number) => void {
    const bias = typeof start === 'object' ? start.bias : undefined;
    const kind = typeof start === 'object' ? 'bias' : start;
    return this.#bind(
      'product',
      [at(a), a.stride[0]!, at(b), b.stride[0]!, at(c), c.stride[0]!],
      [maybe(bias), a.shape[0]!, c.shape[0]!, START[kind]],
    );
  }

  lstmForward(o: LstmForwardOperands): LstmCall {
    const { work, stateOut, stateIn, projected } = o;
    return this.#bindSequence(
      'lstm_forward',
      sequence(o),
      [maybe(projected?.product), projected?.product.stride[0] ?? 0, maybe(projected?.rows)],
      [maybe(stateIn), at(stateOut), stateOut.stride[0]!],
      [at(work.hidden), at(work.cell), at(work.gates), work.gates.stride[0]!],
    );
  }

  lstmBackward(o: LstmBackwardOperands): LstmCall {
    const { work, dHidden, dLast } = o;
    return this.#bindSequence(
      'lstm_backward',
      sequence(o),
      [maybe(dHidden), dHidden?.stride[0] ?? 0, maybe(dLast), dLast?.stride[0] ?? 0],
      [at(work.gates), at(work.hidden), at(work.cell), work.gates.stride[0]!],
    );
  }

  gatherRows({
    table,
    ids,
    out,
  }: {
    table: Tensor;
    ids: IndexTensor;
    out: Tensor;
  }): (row0: number, row1: number) => void {
    return this.#bind(
      'gather_rows',
      [at(table), table.shape[1]!, at(ids)],
      [at(out), out.stride[0]!],
    );
  }

  tokenSum(o: {
    gradient: Tensor;
    starts: IndexTensor;
    positions: IndexTensor;
    out: Tensor;
  }): (distinct: number, panel0: number, panel1: number) => void {
    const base = [at(o.gradient), o.gradient.stride[0]!, at(o.starts), at(o.positions)];
    return this.#bind('token_sum', base, [at(o.out), o.out.stride[0]!]);
  }

  rowSquares(o: {
    matrix: Tensor;
    sums: DoubleTensor;
  }): (rows: number, block0: number, block1: number) => void {
    const base = [at(o.matrix), o.matrix.stride[0]!, o.matrix.shape[0]!, at(o.sums)];
    return this.#bind('row_squares', base);
  }

  weightGradient(o: WeightGradientOperands): (panel0: number, panel1: number) => void {
    const [rows, columns] = [o.out.shape[0]!, o.out.shape[1]!];
    return this.#bind(
      'weight_gradient',
      [at(o.dOutput), o.dOutput.stride[0]!, at(o.input), o.input.stride[0]!],
      [maybe(o.orderOutput), maybe(o.orderInput), maybe(o.runs)],
      [at(o.segments), o.segments.shape[0]! - 1],
      [rows, columns, o.gates ? rows / 4 : 0, at(o.out)],
      [maybe(o.bias?.out), o.bias?.copies ?? 0, at(o.squares), at(o.scratch)],
    );
  }

  softmax(o: SoftmaxOperands): (scale: number, row0: number, row1: number) => void {
    return this.#bind(
      'softmax',
      [at(o.logits), o.logits.stride[0]!, o.logits.shape[0]!, o.classes],
      [maybe(o.targets), at(o.losses), at(o.predicted)],
    );
  }

  adam(o: AdamOperands): (unit0: number, unit1: number) => void {
    const rows = o.parameter.shape[0]!;
    return this.#bind(
      'adam',
      [at(o.parameter), at(o.moment1), at(o.moment2), at(o.gradient), o.gradient.stride[0]!],
      [maybe(o.index), rows, o.parameter.shape[1] ?? 1, o.gates ? rows / 4 : 0],
      [at(o.done), at(o.settings), at(o.scratch)],
    );
  }

  pack(o: {
    weight: Tensor;
    gates: boolean;
    forward: Tensor;
    backward?: Tensor;
  }): (unit0: number, unit1: number) => void {
    const [rows, columns] = [o.weight.shape[0]!, o.weight.shape[1]!];
    return this.#bind(
      'pack',
      [at(o.weight), rows, columns, o.gates ? rows / 4 : 0],
      [at(o.forward), o.forward.stride[0]!, maybe(o.backward), o.backward?.stride[0] ?? 0],
    );
  }

  packBias(o: {
    first: Tensor;
    second?: Tensor;
    gates: boolean;
    out: Tensor;
  }): (unit0: number, unit1: number) => void {
    const rows = o.first.shape[0]!;
    const base = [at(o.first), maybe(o.second), rows, o.gates ? rows / 4 : 0];
    return this.#bind('pack_bias', base, [at(o.out)]);
  }

  dropout(o: DropoutOperands): (row0: number, row1: number) => void {
    return this.#bind(
      'dropout',
      [at(o.input), o.input.stride[0]!, at(o.out), o.out.stride[0]!, o.out.shape[0]!],
      [maybe(o.numbers), dropoutThreshold(o.rate), 1 / (1 - o.rate), o.seed, o.stream, at(o.step)],
    );
  }

  evaluate(o: {
    function: 'exp' | 'sigmoid' | 'tanh';
    input: Tensor;
    out: Tensor;
  }): (count: number) => void {
    const kind = ['exp', 'sigmoid', 'tanh'].indexOf(o.function);
    return this.#bind('evaluate', [at(o.input), at(o.out), kind]);
  }

  peak(out: Tensor): (rounds: number) => void {
    return this.#bind('peak', [at(out)]);
  }

  /** Writes the bound arguments once; the function returned writes the call's own behind them and runs. */
  #bind(name: KernelName, ...groups: number[][]): Call {
    const { block, first, run } = this.#place(name, groups.flat());
    return (a, b = 0, c = 0) => {
      block[first] = a;
      block[first + 1] = b;
      block[first + 2] = c;
      run();
    };
  }

  #bindSequence(name: KernelName, ...groups: number[][]): LstmCall {
    const { block, first, run } = this.#place(name, groups.flat());
    return (share, step0, step1) => {
      block[first] = share.countsStart;
      block[first + 1] = share.steps;
      block[first + 2] = share.row0;
      block[first + 3] = share.unit0;
      block[first + 4] = share.unit1;
      block[first + 5] = share.member;
      block[first + 6] = step0;
      block[first + 7] = step1;
      run();
    };
  }

  /** Writes bound arguments, with room behind them for those of a call. */
  #place(
    name: KernelName,
    bound: number[],
  ): { block: Float64Array; first: number; run: () => void } {
    const start = this.#free;
    const first = start + bound.length;
    this.#free = first + CALL_ARGUMENTS;
    if (this.#free > this.#end) throw new Error('the space for kernel arguments is full');
    const block = this.#arguments;
    block.set(bound, start);
    const kernel = KERNEL_NAMES.indexOf(name);
    const { runKernel } = this;
    const offset = start * 8;
    return {
      block,
      first,
      run: () => {
        runKernel(kernel, offset);
      },
    };
  }
}

/** 16-bit threshold below which an element is dropped. */
export function dropoutThreshold(rate: number): number {
  return Math.round(rate * 65_536);
}

/** Arguments that both directions of the LSTM begin with. */
function sequence(o: SequenceOperands): number[] {
  const tokens = o.gates.shape[1]!;
  return [
    ...[at(o.gates), o.gates.stride[0]!, at(o.hidden), at(o.cell), o.hidden.stride[0]!],
    ...[at(o.weights), o.weights.stride[0]!, o.hidden.shape[0]!, tokens],
    ...[at(o.rowStart), at(o.tokenPlaces), at(o.ranked), at(o.counts)],
    ...[at(o.places), o.places.stride[0]!],
  ];
}

/** Byte offset of a view on the heap. */
function at(tensor: Tensor | IndexTensor | DoubleTensor): number {
  return tensor.offset * tensor.data.BYTES_PER_ELEMENT;
}

/** The same, or 0 for an absent operand: no buffer lies at the heap's very start. */
function maybe(tensor: Tensor | IndexTensor | undefined): number {
  return tensor ? at(tensor) : 0;
}
