import { dropout } from '../backend/kernels/dropout.js';
import { lstmBackward, lstmForward } from '../backend/kernels/lstm.js';
import { pack, packBias } from '../backend/kernels/pack.js';
import { product } from '../backend/kernels/product.js';
import type { SequenceCall, SequenceShare } from '../backend/kernels/sequence.js';
import { weightGradient } from '../backend/kernels/weight-gradient.js';
import { panelsOf, type Tensor } from '../tensor/heap.js';
import { bindAdam, bindParameter, type Binding, type SlotView } from './binding.js';
import type { WorkGroup } from './shares.js';
import { firstPart, teamOf, type Share } from './teams.js';

type RowKernel = (row0: number, row1: number) => void;

/**
 * One LSTM layer: i, f, g, o = W_ih x_t + b_ih + W_hh h_{t−1} + b_hh, c_t = σ(f) c_{t−1} + σ(i) tanh(g),
 * h_t = σ(o) tanh(c_t). The forget gate multiplies the cell state instead of a weight matrix, so that gradients
 * reach far back without vanishing.
 */
export class LstmLayer {
  /** What the layer above reads: the hidden states, after dropout in training. */
  readonly outputs: Tensor;
  readonly #units: number;
  readonly #product: RowKernel | undefined;
  readonly #forward: SequenceCall;
  readonly #dropout: RowKernel | undefined;
  readonly #training: TrainingKernels | undefined;

  /**
   * @param below the layer whose outputs this one reads; the first layer reads the projected tokens
   * @param needsGradientOf 'every' token's hidden state (from above), or the 'last' one of each row alone
   */
  constructor(
    private readonly binding: Binding,
    private readonly view: SlotView,
    private readonly layer: number,
    below: LstmLayer | undefined,
    needsGradientOf: 'every' | 'last',
    training: boolean,
  ) {
    const { backend, heap, plan, slot, slotPlan } = binding;
    const own = plan.layers[layer]!;
    const gates = heap.tensor(own.gates);
    const hidden = heap.tensor(own.hidden);
    const cell = heap.tensor(own.cell);
    const work = {
      hidden: heap.tensor(plan.work.hidden),
      cell: heap.tensor(plan.work.cell),
      gates: heap.tensor(plan.work.gates),
    };
    const sequence = {
      gates,
      hidden,
      cell,
      rowStart: heap.indices(slotPlan.rowStart),
      tokenPlaces: heap.indices(slotPlan.tokenPlaces),
      ranked: heap.indices(slotPlan.ranked),
      counts: heap.indices(slotPlan.counts),
      places: heap.indices(plan.work.places),
    };
    const { dropout: rate, seed, shape } = plan.sizes;
    this.#units = panelsOf(shape.layers[layer]!);
    this.#product =
      below &&
      backend.bind(product, {
        a: below.outputs,
        b: heap.tensor(own.inputWeight.forward),
        c: gates,
        start: { bias: heap.tensor(own.bias) },
      });
    this.#forward = backend.bind(lstmForward, {
      ...sequence,
      weights: heap.tensor(own.hiddenWeight.forward),
      ...(!below && {
        projected: {
          product: heap.tensor(plan.projected),
          rows: heap.indices(slotPlan.distinctOf),
        },
      }),
      ...(shape.task === 'language-model' && { stateIn: heap.tensor(own.states[slot]!) }),
      stateOut: heap.tensor(own.states[slot ^ 1]!),
      work,
    });

    const masks = { numbers: heap.indices(slotPlan.numbers), rate, seed, stream: layer };
    const step = binding.settings;
    const drops = training && own.dropped !== undefined;
    this.outputs = drops ? heap.tensor(own.dropped!) : hidden;
    if (drops) {
      this.#dropout = backend.bind(dropout, { input: hidden, out: this.outputs, ...masks, step });
    }
    if (!training) return;

    const dHidden = heap.tensor(plan.dHidden!);
    const inputWeight = bindParameter(binding, `lstm.weight_ih_l${layer}`);
    const hiddenWeight = bindParameter(binding, `lstm.weight_hh_l${layer}`);
    const inputBias = bindParameter(binding, `lstm.bias_ih_l${layer}`);
    const hiddenBias = bindParameter(binding, `lstm.bias_hh_l${layer}`);
    const common = {
      dOutput: gates,
      orderOutput: heap.indices(slotPlan.order),
      runs: heap.indices(slotPlan.runs),
      segments: heap.indices(slotPlan.shardTokens),
      scratch: binding.scratch,
    };
    this.#training = {
      ...(drops && {
        dropout: backend.bind(dropout, { input: dHidden, out: dHidden, ...masks, step }),
      }),
      backward: backend.bind(lstmBackward, {
        ...sequence,
        weights: heap.tensor(own.hiddenWeight.backward),
        ...(needsGradientOf === 'every' ? { dHidden } : { dLast: heap.tensor(plan.dLast!) }),
        work,
      }),
      ...(below && {
        input: backend.bind(product, {
          a: gates,
          b: heap.tensor(own.inputWeight.backward),
          c: dHidden,
          start: 'zero',
        }),
        inputWeight: backend.bind(weightGradient, {
          ...common,
          input: below.outputs,
          orderInput: heap.indices(slotPlan.order),
          out: inputWeight.gradient!,
          rows: inputWeight.rows,
          squares: inputWeight.squares!,
        }),
      }),
      hiddenWeight: backend.bind(weightGradient, {
        ...common,
        input: hidden,
        orderInput: heap.indices(slotPlan.previous),
        out: hiddenWeight.gradient!,
        rows: hiddenWeight.rows,
        bias: { out: inputBias.gradient!, copies: 2 },
        squares: hiddenWeight.squares!,
      }),
      adam: [inputWeight, hiddenWeight, inputBias, hiddenBias].map((parameter) =>
        bindAdam(binding, parameter),
      ),
    };
  }

  /** Yields where the members of a team meet. */
  *forward(part: number): Share {
    const { binding, view } = this;
    const [place0, place1] = view.places(part);
    const share = shareOf(binding, view, part, this.#units);
    if (this.#product) {
      this.#product(place0, place1);
      binding.clock.lap('input product');
      if (share.isTeam) yield* this.#meet(part);
    }
    if (share.isTeam) {
      for (let t = -1; t < share.steps; t++) {
        this.#forward(share, t, t + 1);
        binding.clock.lap('recurrence');
        yield* this.#meet(part);
      }
    } else {
      this.#forward(share, -1, share.steps);
      binding.clock.lap('recurrence');
    }
    if (this.#dropout) {
      this.#dropout(place0, place1);
      binding.clock.lap('dropout');
    }
  }

  /**
   * Expects the gradient of the outputs in `d hidden`; leaves there the gradient of the layer below's. Yields where
   * the members of a team meet.
   */
  *backward(part: number): Share {
    const { binding, view } = this;
    const kernels = this.#training!;
    const [place0, place1] = view.places(part);
    const share = shareOf(binding, view, part, this.#units);
    if (kernels.dropout) {
      kernels.dropout(place0, place1);
      binding.clock.lap('dropout');
    }
    if (share.isTeam) {
      yield* this.#meet(part);
      for (let t = share.steps - 1; t >= 0; t--) {
        kernels.backward(share, t, t + 1);
        binding.clock.lap('recurrence');
        yield* this.#meet(part);
      }
    } else {
      kernels.backward(share, 0, share.steps);
      binding.clock.lap('recurrence');
    }
    if (kernels.input) {
      kernels.input(place0, place1);
      binding.clock.lap('input product');
    }
  }

  *#meet(part: number): Share {
    yield;
    this.binding.clock.start(part);
  }

  /** Gradients of the weights; the first layer's input weight belongs to the embedding layer. */
  weightGradients(): WorkGroup[] {
    const { binding, view } = this;
    const { shape } = binding.plan.sizes;
    const hidden = shape.layers[this.layer]!;
    const { inputWeight, hiddenWeight } = this.#training!;
    const group = (kernel: RowKernel, columns: number): WorkGroup => ({
      units: 4 * panelsOf(hidden),
      get cost() {
        return view.tokens * columns;
      },
      run: (from, to) => {
        kernel(from, to);
        binding.clock.lap('weight gradients');
      },
    });
    return [
      group(hiddenWeight, hidden),
      ...(inputWeight ? [group(inputWeight, shape.layers[this.layer - 1]!)] : []),
    ];
  }

  /** Adam on all four parameters, each unit packed again while it is in the cache. */
  updates(): WorkGroup[] {
    const [inputWeight, hiddenWeight, inputBias, hiddenBias] = this.#training!.adam;
    const packs = bindLayerPacks(this.binding, this.layer);
    return packs.map((pack, index) => ({
      ...pack,
      run: (from, to) => {
        if (index === 0) inputWeight!(from, to);
        else if (index === 1) hiddenWeight!(from, to);
        else {
          inputBias!(from, to);
          hiddenBias!(from, to);
        }
        pack.run(from, to);
      },
    }));
  }
}

/** What a part computes of its team's recurrence. */
function shareOf(
  { plan }: Binding,
  view: SlotView,
  part: number,
  units: number,
): SequenceShare & { isTeam: boolean } {
  const { sizes } = plan;
  const team = teamOf(sizes, part);
  const part0 = firstPart(sizes, team);
  const [unit0, unit1] = view.shareInTeam(units, part);
  return {
    countsStart: team * sizes.maxSteps,
    steps: view.team(team, 'steps'),
    row0: view.team(team, 'row0'),
    unit0,
    unit1,
    member: part - part0,
    isTeam: firstPart(sizes, team + 1) - part0 > 1,
  };
}

interface TrainingKernels {
  dropout?: RowKernel;
  backward: SequenceCall;
  input?: RowKernel;
  inputWeight?: RowKernel;
  hiddenWeight: RowKernel;
  adam: RowKernel[];
}

/** Packing of a layer's input weight, hidden weight and biases, in this order. */
export function bindLayerPacks(binding: Binding, layer: number): WorkGroup[] {
  const { backend, heap, plan } = binding;
  const own = plan.layers[layer]!;
  const packing = (name: string, packed: (typeof own)['inputWeight']): WorkGroup => {
    const parameter = bindParameter(binding, name);
    return {
      units: parameter.units,
      cost: parameter.value.shape[1]!,
      run: backend.bind(pack, {
        weight: parameter.value,
        rows: parameter.rows,
        forward: heap.tensor(packed.forward),
        backward: heap.tensor(packed.backward),
      }),
    };
  };
  const bias = bindParameter(binding, `lstm.bias_ih_l${layer}`);
  const second = bindParameter(binding, `lstm.bias_hh_l${layer}`);
  return [
    packing(`lstm.weight_ih_l${layer}`, own.inputWeight),
    packing(`lstm.weight_hh_l${layer}`, own.hiddenWeight),
    {
      units: bias.units,
      cost: 2,
      run: backend.bind(packBias, {
        first: bias.value,
        rows: bias.rows,
        second: { bias: second.value, rows: second.rows },
        out: heap.tensor(own.bias),
      }),
    },
  ];
}
