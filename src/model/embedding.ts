import { gatherRows, rowSquares, tokenSum } from '../backend/kernels/embedding.js';
import { product } from '../backend/kernels/product.js';
import { weightGradient } from '../backend/kernels/weight-gradient.js';
import { bindAdam, bindParameter, type Binding, type SlotView } from './binding.js';
import type { WorkGroup } from './shares.js';
import { PANEL, panelsOf } from '../tensor/heap.js';

/**
 * The embedding and the input product of the first LSTM layer, both on the distinct tokens of a batch: a token
 * that stands in a hundred places is looked up and projected once, and the gradients of its places are summed
 * before they are multiplied.
 */
export class EmbeddingLayer {
  readonly #gather: (row0: number, row1: number) => void;
  readonly #project: (row0: number, row1: number) => void;
  readonly #training: TrainingKernels | undefined;

  constructor(
    private readonly binding: Binding,
    private readonly view: SlotView,
  ) {
    const { backend, heap, plan, slotPlan } = binding;
    const [first] = plan.layers;
    const embedded = heap.tensor(plan.embedded);
    const projected = heap.tensor(plan.projected);
    const parameter = bindParameter(binding, 'embedding.weight');
    this.#gather = backend.bind(gatherRows, {
      table: parameter.value,
      ids: heap.indices(slotPlan.distinctIds),
      out: embedded,
    });
    this.#project = backend.bind(product, {
      a: embedded,
      b: heap.tensor(first!.inputWeight.forward),
      c: projected,
      start: { bias: heap.tensor(first!.bias) },
    });
    if (!plan.sizes.training) return;
    const inputWeight = bindParameter(binding, 'lstm.weight_ih_l0');
    this.#training = {
      sum: backend.bind(tokenSum, {
        gradient: heap.tensor(first!.gates),
        starts: heap.indices(slotPlan.distinctStart),
        positions: heap.indices(slotPlan.positions),
        out: projected,
      }),
      inputWeight: backend.bind(weightGradient, {
        dOutput: projected,
        input: embedded,
        segments: heap.indices(slotPlan.distinctRange),
        out: inputWeight.gradient!,
        rows: inputWeight.rows,
        squares: inputWeight.squares!,
        scratch: binding.scratch,
      }),
      embedding: backend.bind(product, {
        a: projected,
        b: heap.tensor(first!.inputWeight.backward),
        c: embedded,
        start: 'zero',
      }),
      squares: backend.bind(rowSquares, { matrix: embedded, sums: parameter.squares! }),
      adam: bindAdam(binding, parameter, {
        gradient: embedded,
        index: heap.indices(slotPlan.distinctIndex),
      }),
    };
  }

  /** Looks up and projects one part's stretch of the distinct tokens. */
  forward(part: number): void {
    const [begin, end] = this.view.share(this.view.distinct, part);
    this.#gather(begin, end);
    this.binding.clock.lap('gather');
    this.#project(begin, end);
    this.binding.clock.lap('input product');
  }

  /** Gradient of the first layer's input weight, by panels of 16 gates. */
  inputWeightGradient(): WorkGroup {
    const { binding, view } = this;
    const { shape } = binding.plan.sizes;
    const { sum, inputWeight } = this.#training!;
    return {
      units: 4 * panelsOf(shape.layers[0]!),
      get cost() {
        return view.distinct * shape.embedding + view.tokens;
      },
      run: (from, to) => {
        sum(this.view.distinct, from, to);
        this.binding.clock.lap('embedding gradients');
        inputWeight(from, to);
        this.binding.clock.lap('weight gradients');
      },
    };
  }

  /** Gradient of the embedding rows; needs the summed gradients of every panel. */
  gradient(): WorkGroup {
    const { binding, view } = this;
    const { embedding, squares } = this.#training!;
    return {
      get units() {
        return panelsOf(view.distinct);
      },
      cost: 1,
      run(from, to) {
        embedding(from * PANEL, Math.min(to * PANEL, view.distinct));
        squares(view.distinct, from, to);
        binding.clock.lap('embedding gradients');
      },
    };
  }

  /** Adam on every row: rows without a gradient still have momentum. */
  update(): WorkGroup {
    const { shape } = this.binding.plan.sizes;
    return {
      units: panelsOf(shape.vocabulary),
      cost: shape.embedding,
      run: this.#training!.adam,
    };
  }
}

interface TrainingKernels {
  sum: (distinct: number, panel0: number, panel1: number) => void;
  inputWeight: (panel0: number, panel1: number) => void;
  embedding: (row0: number, row1: number) => void;
  squares: (rows: number, block0: number, block1: number) => void;
  adam: (unit0: number, unit1: number) => void;
}
