import type {
  Backend,
  Kernels,
  LstmBackwardOperands,
  LstmCall,
  LstmForwardOperands,
  ProductOperands,
  SequenceOperands,
  WeightGradientOperands,
} from '../backend/kernels.js';
import { PANEL, type IndexTensor, type Tensor } from '../tensor/heap.js';

/** What one call of a kernel does. */
export interface Work {
  /** Rows × summed × columns of a product, else rows × columns. */
  size: string;
  /**
   * Floating-point operations, a multiply-add being two. Of kernels that form products these alone count: gates and
   * the like come on top, in the time.
   */
  flops: number;
  /** Bytes of every operand read and of every result written, each once. */
  bytes: number;
}

/** A kernel with its operands. */
export interface BoundKernel {
  kernel: string;
  /** The operand that tells it from others of its kind: weights, a parameter. */
  about: Tensor;
  /** Operands that a call reads and changes: another call would not do the same. */
  changes: readonly (Tensor | IndexTensor)[];
  /** @param args what the kernel is called with */
  work(...args: number[]): Work;
}

type Call = (...args: number[]) => void;

/** Operations of softmax on one element: 25 for exp, and maximum, difference, sum and scaling (kernels/loss.c). */
const SOFTMAX_FLOPS = 29;
/** Operations of Adam on one element (kernels/update.c). */
const ADAM_FLOPS = 14;

/**
 * A backend whose kernels tell what they are about to do.
 *
 * @param observe is told of every call, and makes it
 */
export function watchKernels(
  backend: Backend,
  observe: (bound: BoundKernel, run: Call, args: number[]) => void,
): Backend {
  const watch =
    (bound: BoundKernel, run: Call): Call =>
    (...args) =>
      observe(bound, run, args);
  const watchSequence =
    (bound: BoundKernel, run: LstmCall): LstmCall =>
    (share, step0, step1) => {
      const { countsStart, steps, unit0, unit1 } = share;
      const args = [countsStart, steps, Math.max(step0, 0), step1, unit1 - unit0];
      observe(bound, () => run(share, step0, step1), args);
    };
  const kernels: Kernels = {
    product: (o) => watch(describeProduct(o), backend.product(o)),
    lstmForward: (o) => watchSequence(describeForward(o), backend.lstmForward(o)),
    lstmBackward: (o) => watchSequence(describeBackward(o), backend.lstmBackward(o)),
    weightGradient: (o) => watch(describeGradient(o), backend.weightGradient(o)),
    gatherRows: (o) => watch(describeGather(o), backend.gatherRows(o)),
    tokenSum: (o) => watch(describeTokenSum(o), backend.tokenSum(o)),
    rowSquares: (o) => watch(describeSquares(o), backend.rowSquares(o)),
    softmax: (o) => watch(describeSoftmax(o), backend.softmax(o)),
    adam: (o) =>
      o.parameter.shape.length > 1 ? watch(describeAdam(o), backend.adam(o)) : backend.adam(o),
    pack: (o) => watch(describePack(o), backend.pack(o)),
    dropout: (o) => watch(describeDropout(o), backend.dropout(o)),
    // Biases take microseconds: not worth a line.
    packBias: (o) => backend.packBias(o),
    evaluate: (o) => backend.evaluate(o),
    peak: (out) => backend.peak(out),
  };
  return { ...kernels, name: backend.name, profile: backend.profile, lanes: backend.lanes };
}

type Operands<Name extends keyof Kernels> = Parameters<Kernels[Name]>[0];

function describeProduct({ a, b, c, start }: ProductOperands): BoundKernel {
  return {
    kernel: 'product',
    about: b,
    changes: start === 'result' ? [c] : [],
    work(row0, row1) {
      const rows = row1 - row0;
      const [k, n] = [a.shape[0]! * PANEL, c.shape[0]! * PANEL];
      const results = (start === 'result' ? 2 : 1) * rows * n;
      return {
        size: `${rows} × ${k} × ${n}`,
        flops: 2 * rows * k * n,
        bytes: bytesOf(a, rows * k + k * n + results),
      };
    },
  };
}

function describeForward(o: LstmForwardOperands): BoundKernel {
  return {
    kernel: 'lstm forward',
    about: o.weights,
    changes: o.projected ? [] : [o.gates],
    work(countsStart, _steps, step0, step1, unitPanels) {
      const { tokens, hidden } = countSequence(o, countsStart, step0, step1);
      const distinct = o.projected ? Math.min(tokens, o.projected.product.shape[1]!) : tokens;
      const units = unitPanels * PANEL;
      return {
        size: `${tokens} × ${hidden} × ${4 * units}`,
        flops: 8 * tokens * hidden * units,
        // Weights; sums of input products; gates, hidden and cell states.
        bytes: bytesOf(o.gates, units * (4 * hidden + 4 * distinct + 6 * tokens)),
      };
    },
  };
}

function describeBackward(o: LstmBackwardOperands): BoundKernel {
  return {
    kernel: 'lstm backward',
    about: o.weights,
    changes: [o.gates],
    work(countsStart, steps, step0, step1, unitPanels) {
      const { tokens, rows, hidden } = countSequence(o, countsStart, step0, step1);
      // Nothing comes back to the rows' last steps.
      const last = rows - (step1 < steps ? o.counts.get(countsStart + step1) : 0);
      const given = o.dHidden ? tokens : last;
      const units = unitPanels * PANEL;
      return {
        size: `${tokens} × ${4 * hidden} × ${units}`,
        flops: 8 * (tokens - last) * hidden * units,
        // Weights; gates read and their gradients written; cell states; gradients from above.
        bytes: bytesOf(o.gates, units * (4 * hidden + 9 * tokens + rows + given)),
      };
    },
  };
}

/** Tokens of a worker's share of a sequence in some steps, rows in the first of these. */
function countSequence(
  { counts, hidden }: SequenceOperands,
  countsStart: number,
  step0: number,
  step1: number,
): { tokens: number; rows: number; hidden: number } {
  let tokens = 0;
  for (let t = step0; t < step1; t++) tokens += counts.get(countsStart + t);
  return {
    tokens,
    rows: step1 > step0 ? counts.get(countsStart + step0) : 0,
    hidden: hidden.shape[0]! * PANEL,
  };
}

function describeGradient({ out, dOutput, segments }: WeightGradientOperands): BoundKernel {
  return {
    kernel: 'weight gradient',
    about: out,
    changes: [],
    work(panel0, panel1) {
      const tokens = lastOf(segments);
      const rows = Math.min(out.shape[0]!, (panel1 - panel0) * PANEL);
      const columns = out.shape[1]!;
      return {
        size: `${rows} × ${tokens} × ${columns}`,
        flops: 2 * rows * tokens * columns,
        bytes: bytesOf(dOutput, tokens * (rows + columns) + rows * columns),
      };
    },
  };
}

function describeGather({ table }: Operands<'gatherRows'>): BoundKernel {
  return {
    kernel: 'gather rows',
    about: table,
    changes: [],
    work: (row0, row1) => pointwise(table, row1 - row0, table.shape[1]!, { visits: 2, flops: 0 }),
  };
}

function describeTokenSum({ gradient, starts, out }: Operands<'tokenSum'>): BoundKernel {
  return {
    kernel: 'token sum',
    about: gradient,
    changes: [],
    work(distinct, panel0, panel1) {
      const columns = (panel1 - panel0) * PANEL;
      const tokens = starts.get(distinct);
      return {
        size: `${tokens} × ${columns}`,
        flops: tokens * columns,
        bytes: bytesOf(out, (tokens + distinct) * columns),
      };
    },
  };
}

function describeSquares({ matrix }: Operands<'rowSquares'>): BoundKernel {
  return {
    kernel: 'row squares',
    about: matrix,
    changes: [],
    work(rows, block0, block1) {
      const some = Math.min(rows, block1 * PANEL) - block0 * PANEL;
      return pointwise(matrix, some, matrix.shape[0]! * PANEL, { visits: 1, flops: 2 });
    },
  };
}

function describeSoftmax({ logits }: Operands<'softmax'>): BoundKernel {
  return {
    kernel: 'softmax',
    about: logits,
    changes: [logits],
    work: (_scale, row0, row1) =>
      pointwise(logits, row1 - row0, logits.shape[0]! * PANEL, {
        visits: 2,
        flops: SOFTMAX_FLOPS,
      }),
  };
}

function describeAdam({ parameter, moment1, moment2, done, index }: Operands<'adam'>): BoundKernel {
  return {
    kernel: 'adam',
    about: parameter,
    changes: [parameter, moment1, moment2, done],
    work(unit0, unit1) {
      const columns = parameter.shape[1] ?? 1;
      const rows = Math.min(parameter.shape[0]!, (unit1 - unit0) * PANEL);
      let gradients = rows;
      if (index) {
        gradients = 0;
        for (let row = unit0 * PANEL; row < unit0 * PANEL + rows; row++) {
          if (index.get(row) >= 0) gradients++;
        }
      }
      return {
        size: `${rows} × ${columns}`,
        flops: ADAM_FLOPS * rows * columns,
        bytes: bytesOf(parameter, (6 * rows + gradients) * columns),
      };
    },
  };
}

function describePack({ weight, backward }: Operands<'pack'>): BoundKernel {
  return {
    kernel: 'pack',
    about: weight,
    changes: [],
    work(unit0, unit1) {
      const rows = Math.min(weight.shape[0]!, (unit1 - unit0) * PANEL);
      return pointwise(weight, rows, weight.shape[1]!, { visits: backward ? 3 : 2, flops: 0 });
    },
  };
}

function describeDropout({ input, out }: Operands<'dropout'>): BoundKernel {
  return {
    kernel: 'dropout',
    about: out,
    changes: input.offset === out.offset ? [out] : [],
    work: (row0, row1) =>
      pointwise(out, row1 - row0, out.shape[0]! * PANEL, { visits: 2, flops: 1 }),
  };
}

/** A pass over rows × columns elements, with so many reads and writes, and operations, of each. */
function pointwise(
  tensor: Tensor,
  rows: number,
  columns: number,
  each: { visits: number; flops: number },
): Work {
  return {
    size: `${rows} × ${columns}`,
    flops: each.flops * rows * columns,
    bytes: bytesOf(tensor, each.visits * rows * columns),
  };
}

function bytesOf(tensor: Tensor, elements: number): number {
  return elements * tensor.data.BYTES_PER_ELEMENT;
}

function lastOf(indices: IndexTensor): number {
  return indices.get(indices.shape[0]! - 1);
}
