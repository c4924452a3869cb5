import type {
  ForwardOperands,
  SequenceCall,
  SequenceOperands,
  SequenceShare,
} from '../../backend/kernels/sequence.js';
import { PANEL, panelsOf, type BufferSpec, type Tensor } from '../../tensor/heap.js';
import { bindParameter, meet, type Binding, type RowKernel } from '../binding.js';
import type {
  BoundGradient,
  BoundLayer,
  BoundSignal,
  Pack,
  SequencePasses,
  StepPasses,
} from '../layer.js';
import { packBias, packWeight, viewPacked } from '../weights/packed-weight.js';
import { bindProduct } from '../weights/products.js';
import type { Signal } from '../signal.js';
import type { WeightGradientGroup } from '../weights/weight-gradients.js';
import { firstPart, teamOf, type Share } from '../work/teams.js';
import { partsOf, type PlannedRecurrence } from './cell.js';
import { bindNorm } from './cell-norm.js';
import { bindHiddenPack } from './hidden-weight.js';
import { bindSharedProducts } from './shared-products.js';
import { bindGivenState, bindInitialState, type BoundInitialState } from './initial-state.js';
import { bindRecurrentGradients } from './recurrent-gradients.js';
import { recurrentSteps, type TrainedRecurrence } from './recurrent-steps.js';

/** A recurrent layer on one thread: the same for every cell. */
export class RecurrentLayer implements BoundLayer {
  readonly output: { value: Tensor; final: Tensor };
  readonly passes: SequencePasses;
  readonly packs: Pack[];
  readonly weightGradients?: WeightGradientGroup[];
  readonly prepare: (part: number) => void;
  readonly prepareNext?: (part: number) => void;
  readonly distinctGradient?: RowKernel;

  readonly #inputPer: Signal['per'];
  readonly #units: number;
  /** Calls that a time step takes. */
  readonly #parts: number;
  /** The products with x_t, by token or by distinct token; and their gradient. */
  readonly #project: RowKernel;
  readonly #forward: SequenceCall;
  readonly #training: TrainedRecurrence | undefined;
  /** What rows begin with, where another layer leaves it. */
  readonly #given: BoundInitialState | undefined;

  constructor(
    planned: PlannedRecurrence,
    private readonly binding: Binding,
    { below: input, given }: { below: BoundSignal; given?: BoundSignal },
    { gradient: dHidden, finalGradient: dLast }: BoundGradient,
  ) {
    const { cell, parameters, buffers, direction, inputPer } = planned;
    const { backend, heap, sizes, slot, slotPlan, view, clock } = binding;
    const { inputWeight, hiddenWeight, inputBias, hiddenBias } = parameters;
    this.#inputPer = inputPer;
    this.#parts = partsOf(cell, buffers.norm !== undefined);
    const byDistinct = inputPer === 'distinct';
    const reversed = direction === 'backwards';
    const hidden = heap.tensor(buffers.hidden);
    const gates = heap.tensor(buffers.gates);
    const projected = buffers.projected && heap.tensor(buffers.projected);
    this.#units = panelsOf(hiddenWeight.shape[1]!);
    const stateOut = heap.tensor(buffers.states[slot ^ 1]!);
    const [, rows] = stateOut.shape;
    const stateIn = sizes.shape.carries ? heap.tensor(buffers.states[slot]!) : undefined;
    const states = { ...(stateIn && { stateIn }), stateOut };
    this.#given = given && bindGivenState(binding, given, buffers.initial!, states);
    const learned =
      parameters.initial && bindInitialState(binding, parameters.initial, buffers.initial!, states);
    const initial = learned ?? this.#given;
    this.output = { value: hidden, final: stateOut.hi(this.#units, rows!, PANEL) };

    // What is left of it in training, all of it elsewhere.
    const dropped = binding.training ? buffers.droppedWeight : undefined;
    const packed = dropped?.packed ?? buffers.hiddenWeight;
    const inner = buffers.inner && heap.tensor(buffers.inner);
    const innerWith = (weights: BufferSpec | undefined): Pick<SequenceOperands, 'inner'> =>
      inner && weights ? { inner: { values: inner, weights: viewPacked(heap, weights) } } : {};
    const cellStates = buffers.cell && heap.tensor(buffers.cell);
    const packedBias = heap.tensor(buffers.bias);
    const norm =
      buffers.norm &&
      bindNorm(binding, parameters, buffers.norm, inputPer, {
        ...{ sums: projected ?? gates, bias: packedBias, gates },
        ...(cellStates && { cell: cellStates }),
      });
    const multiply = bindProduct(binding, {
      ...{ a: input.value, weight: buffers.inputWeight, direction: 'forward' },
      c: norm?.products ?? projected ?? gates,
      start: norm ? 'zero' : { bias: packedBias },
    });
    this.#project = norm ? inTurn(multiply, norm.forward) : multiply;
    const sequence: Omit<SequenceOperands, 'weights'> = {
      gates,
      hidden,
      ...(cellStates && { cell: cellStates }),
      ...(norm && { norm: norm.operands }),
      rowStart: heap.indices(slotPlan.rowStart),
      tokenPlaces: heap.indices(reversed ? slotPlan.reversedPlaces : slotPlan.tokenPlaces),
      ranked: heap.indices(slotPlan.ranked),
      counts: heap.indices(slotPlan.counts),
      places: heap.indices(buffers.work.places()),
    };
    const work = {
      hidden: heap.tensor(buffers.work.hidden()),
      cell: heap.tensor(buffers.work.cell()),
      gates: heap.tensor(buffers.work.gates()),
      ...(buffers.work.words && { words: heap.indices(buffers.work.words()) }),
    };
    const kernels = norm ? cell.normed! : cell;
    const forward: ForwardOperands = {
      ...sequence,
      work,
      weights: viewPacked(heap, packed.outer.forward),
      ...innerWith(packed.inner?.forward),
      ...(projected && {
        projected: { product: projected, rows: heap.indices(slotPlan.distinctOf) },
      }),
      ...((initial?.rows ?? stateIn) && { stateIn: initial?.rows ?? stateIn! }),
      stateOut,
    };
    this.#forward = backend.bind(kernels.forward, forward);
    const shared =
      buffers.shared && !norm
        ? bindSharedProducts(binding, buffers, buffers.shared, states, this.#units)
        : undefined;
    const next =
      shared &&
      backend.bind(kernels.forward, { ...forward, stateIn: stateIn!, shared: shared.products });
    this.passes = {
      by: 'sequence',
      forward: (part) => this.#runForward(part),
      ...(next && { next: (part: number) => this.#goThrough(part, next) }),
      backward: (part) => this.#runBackward(part),
      steps: this.#steps(),
    };
    const projectDistinct = (part: number): void => {
      if (!byDistinct) return;
      this.#project(...view.share(view.distinct(), part));
      clock.lap('input product');
    };
    this.prepare = (part) => {
      learned?.begin(part);
      projectDistinct(part);
    };
    if (shared) {
      this.prepareNext = (part) => {
        shared.form(part);
        projectDistinct(part);
      };
    }
    this.packs = [
      packWeight(binding, inputWeight.name, buffers.inputWeight),
      {
        parameters: [hiddenWeight.name],
        group: {
          units: hiddenWeight.units,
          cost: hiddenWeight.shape[1]!,
          run: bindHiddenPack(
            binding,
            bindParameter(binding, hiddenWeight.name).value,
            cell,
            buffers.hiddenWeight,
          ),
        },
      },
      packBias(binding, [inputBias.name, hiddenBias.name], packedBias),
      ...(norm?.packs ?? []),
      ...(initial?.packs ?? []),
    ];
    if (!binding.training) return;

    // By token: of the products with x_t, and with h_{t−1}.
    const dSums = norm?.gradients ?? { input: gates, hidden: gates };
    const dInput =
      input.gradient &&
      bindProduct(binding, {
        ...{ a: projected ?? dSums.input, weight: buffers.inputWeight, direction: 'backward' },
        ...{ c: input.gradient, start: input.start },
      });
    this.#training = {
      backward: backend.bind(kernels.backward, {
        ...sequence,
        work,
        weights: viewPacked(heap, packed.outer.backward),
        ...innerWith(packed.inner?.backward),
        ...(dHidden && { dHidden }),
        ...(dLast && { dLast }),
        ...(initial?.gradient && { dInitial: initial.gradient }),
      }),
      dInput,
      normalize: norm?.backward,
      begins: initial !== undefined,
    };
    if (byDistinct && dInput) {
      this.distinctGradient = (row0, row1) => {
        dInput(row0, row1);
        clock.lap('embedding gradients');
      };
    }
    const { weightGradients, draw } = bindRecurrentGradients(binding, planned, {
      ...{ input: input.value, hidden, dSums },
      ...(inner && { inner }),
      ...(projected && { projected }),
    });
    if (draw) {
      const { prepare } = this;
      this.prepare = (part) => {
        prepare(part);
        draw(part);
      };
    }
    this.weightGradients = [
      ...weightGradients,
      ...(norm?.weightGradients ?? []),
      ...(initial?.weightGradients ?? []),
    ];
  }

  *#runForward(part: number): Share {
    this.#given?.begin(part);
    // Each member has begun other rows, of which every one reads its units.
    if (this.#given) yield* meet(this.binding, part);
    yield* this.#goThrough(part, this.#forward);
  }

  /** All tokens, from what rows begin with. */
  *#goThrough(part: number, forward: SequenceCall): Share {
    const { clock, view } = this.binding;
    const share = this.#shareOf(part);
    if (this.#inputPer !== 'distinct') {
      this.#project(...view.places(part));
      clock.lap('input product');
    }
    // Each member multiplied other places than those of its units: what follows the first meeting reads them.
    if (share.isTeam) {
      for (let t = -1; t < this.#parts * share.steps; t++) {
        forward(share, t, t + 1);
        clock.lap('recurrence');
        yield* meet(this.binding, part);
      }
    } else {
      forward(share, -1, this.#parts * share.steps);
      clock.lap('recurrence');
    }
  }

  *#runBackward(part: number): Share {
    const { clock, view } = this.binding;
    const { backward, normalize, dInput, begins } = this.#training!;
    // What comes before the first step.
    const first = begins ? -1 : 0;
    const share = this.#shareOf(part);
    if (share.isTeam) {
      yield* meet(this.binding, part);
      for (let t = this.#parts * share.steps - 1; t >= first; t--) {
        backward(share, t, t + 1);
        clock.lap('recurrence');
        if (t >= 0) yield* meet(this.binding, part);
      }
    } else {
      backward(share, first, this.#parts * share.steps);
      clock.lap('recurrence');
    }
    if (this.#given) {
      yield* meet(this.binding, part);
      this.#given.handBack!(part);
    }
    if (normalize) {
      normalize(...view.places(part));
      clock.lap('norm');
    }
    if (this.#inputPer !== 'distinct' && dInput) {
      dInput(...view.places(part));
      clock.lap('input product');
    }
  }

  #steps(): StepPasses {
    return recurrentSteps(this.binding.clock, {
      ...{ calls: this.#parts, project: this.#project, forward: this.#forward },
      ...{ shareOf: (part: number) => this.#shareOf(part), trained: () => this.#training },
      ...(this.#given && { given: this.#given }),
    });
  }

  /** What a part computes of its team's recurrence. */
  #shareOf(part: number): SequenceShare & { isTeam: boolean } {
    const { sizes, view } = this.binding;
    const team = teamOf(sizes, part);
    const part0 = firstPart(sizes, team);
    // Panels of a pair are not divided.
    const wide = sizes.precision === 'bfloat16' ? 2 : 1;
    const [pair0, pair1] = view.shareInTeam(Math.ceil(this.#units / wide), part);
    return {
      countsStart: team * sizes.maxSteps,
      steps: view.team(team, 'steps'),
      row0: view.team(team, 'row0'),
      unit0: Math.min(wide * pair0, this.#units),
      unit1: Math.min(wide * pair1, this.#units),
      member: part - part0,
      isTeam: view.isInTeam(part),
    };
  }
}

function inTurn(first: RowKernel, then: RowKernel): RowKernel {
  return (row0, row1) => {
    first(row0, row1);
    then(row0, row1);
  };
}
