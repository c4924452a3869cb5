import { dropout, type DropoutOperands } from '../backend/kernels/dropout.js';
import { softmax } from '../backend/kernels/loss.js';
import { pack, packBias } from '../backend/kernels/pack.js';
import { product } from '../backend/kernels/product.js';
import { weightGradient } from '../backend/kernels/weight-gradient.js';
import { PANEL, panelsOf, type Tensor } from '../tensor/heap.js';
import { bindAdam, bindParameter, type Binding, type SlotView } from './binding.js';
import type { LstmLayer } from './lstm-layer.js';
import type { WorkGroup } from './shares.js';

type RowKernel = (row0: number, row1: number) => void;

/** What becomes of the logits: gradients of the loss, or probabilities. */
export type HeadMode = 'train' | 'evaluate' | 'predict';

/** Rows of a chunk of a big vocabulary's logits: enough that fetching the weights takes little of the time. */
const CHUNK_ROWS = 176;

/**
 * The dense layer on top and its loss: logits = W h + b, softmax, cross-entropy. A classifier reads the last
 * hidden state of every row, a language model that of every token.
 */
export class Head {
  readonly #product: RowKernel;
  readonly #softmax: (scale: number, row0: number, row1: number) => void;
  readonly #probabilities: (scale: number, row0: number, row1: number) => void;
  readonly #dropout: RowKernel | undefined;
  readonly #training: TrainingKernels | undefined;

  constructor(
    private readonly binding: Binding,
    private readonly view: SlotView,
    top: LstmLayer,
    training: boolean,
  ) {
    const { backend, heap, plan, slot, slotPlan } = binding;
    const { shape, dropout: rate, seed } = plan.sizes;
    const classify = shape.task === 'classify';
    const logits = heap.tensor(plan.logits);
    let input: Tensor = top.outputs;
    if (classify) {
      const hidden = shape.layers.at(-1)!;
      // The first half of the state after the batch: the last hidden state of every row.
      const last = heap
        .tensor(plan.layers.at(-1)!.states[slot ^ 1]!)
        .hi(panelsOf(hidden), plan.sizes.maxRows, PANEL);
      input = training && plan.lastDropped ? heap.tensor(plan.lastDropped) : last;
      if (training && plan.lastDropped) {
        this.#dropout = backend.bind(dropout, {
          input: last,
          out: input,
          ...this.#masks(rate, seed),
        });
      }
    }
    this.#product = backend.bind(product, {
      a: input,
      b: heap.tensor(plan.headWeight.forward),
      c: logits,
      start: { bias: heap.tensor(plan.headBias) },
    });
    const result = {
      logits,
      classes: shape.outputs,
      losses: heap.tensor(plan.losses),
      predicted: heap.indices(plan.predicted),
    };
    this.#softmax = backend.bind(softmax, { ...result, targets: heap.indices(slotPlan.targets) });
    this.#probabilities = backend.bind(softmax, result);
    if (!training) return;

    const dInput = heap.tensor(classify ? plan.dLast! : plan.dHidden!);
    const weight = bindParameter(binding, 'head.weight');
    const bias = bindParameter(binding, 'head.bias');
    this.#training = {
      input: backend.bind(product, {
        a: logits,
        b: heap.tensor(plan.headWeight.backward),
        c: dInput,
        start: 'zero',
      }),
      ...(this.#dropout && {
        dropout: backend.bind(dropout, { input: dInput, out: dInput, ...this.#masks(rate, seed) }),
      }),
      weight: backend.bind(weightGradient, {
        dOutput: logits,
        input,
        ...(!classify && {
          orderOutput: heap.indices(slotPlan.order),
          orderInput: heap.indices(slotPlan.order),
          runs: heap.indices(slotPlan.runs),
        }),
        segments: heap.indices(classify ? slotPlan.shardRows : slotPlan.shardTokens),
        out: weight.gradient!,
        rows: weight.rows,
        bias: { out: bias.gradient!, copies: 1 },
        squares: weight.squares!,
        scratch: binding.scratch,
      }),
      adam: [bindAdam(binding, weight), bindAdam(binding, bias)],
    };
  }

  /** Logits, and what `mode` makes of them, for one part's rows or places. */
  forward(part: number, mode: HeadMode): void {
    const { view } = this;
    const { clock } = this.binding;
    const [begin, end] = this.#range(part);
    if (this.#dropout && mode === 'train') {
      this.#dropout(begin, end);
      clock.lap('dropout');
    }
    for (let row = begin; row < end; row += CHUNK_ROWS) {
      const last = Math.min(end, row + CHUNK_ROWS);
      this.#product(row, last);
      clock.lap('head');
      if (mode === 'predict') this.#probabilities(0, row, last);
      else this.#softmax(mode === 'train' ? 1 / view.targets : 0, row, last);
      clock.lap('loss');
    }
  }

  /** Gradient of the head's inputs. */
  backward(part: number): void {
    const [begin, end] = this.#range(part);
    const kernels = this.#training!;
    kernels.input(begin, end);
    this.binding.clock.lap('head');
    if (kernels.dropout) {
      kernels.dropout(begin, end);
      this.binding.clock.lap('dropout');
    }
  }

  weightGradient(): WorkGroup {
    const { binding, view } = this;
    const { shape } = binding.plan.sizes;
    return {
      units: panelsOf(shape.outputs),
      get cost() {
        return view.targets * shape.layers.at(-1)!;
      },
      run: (from, to) => {
        this.#training!.weight(from, to);
        this.binding.clock.lap('weight gradients');
      },
    };
  }

  updates(): WorkGroup[] {
    const packs = bindHeadPacks(this.binding);
    return packs.map((pack, index) => ({
      ...pack,
      run: (from, to) => {
        this.#training!.adam[index]!(from, to);
        pack.run(from, to);
      },
    }));
  }

  /** Rows (classify) or places of tokens (language model) of a part. */
  #range(part: number): [number, number] {
    const classify = this.binding.plan.sizes.shape.task === 'classify';
    return classify ? this.view.rowsOf(part) : this.view.places(part);
  }

  #masks(rate: number, seed: number): Pick<DropoutOperands, 'rate' | 'seed' | 'stream' | 'step'> {
    const { plan, settings } = this.binding;
    return { rate, seed, stream: plan.sizes.shape.layers.length, step: settings };
  }
}

interface TrainingKernels {
  input: RowKernel;
  dropout?: RowKernel;
  weight: RowKernel;
  adam: RowKernel[];
}

/** Packing of the head's weight and bias, in this order. */
export function bindHeadPacks(binding: Binding): WorkGroup[] {
  const { backend, heap, plan } = binding;
  const weight = bindParameter(binding, 'head.weight');
  const bias = bindParameter(binding, 'head.bias');
  return [
    {
      units: weight.units,
      cost: weight.value.shape[1]!,
      run: backend.bind(pack, {
        weight: weight.value,
        rows: weight.rows,
        forward: heap.tensor(plan.headWeight.forward),
        backward: heap.tensor(plan.headWeight.backward),
      }),
    },
    {
      units: bias.units,
      cost: 2,
      run: backend.bind(packBias, {
        first: bias.value,
        rows: bias.rows,
        out: heap.tensor(plan.headBias),
      }),
    },
  ];
}
