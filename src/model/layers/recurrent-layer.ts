import { tokenSum } from '../../backend/kernels/embedding.js';
import { product } from '../../backend/kernels/product.js';
import { panelOfUnit } from '../../backend/kernels/rows.js';
import type {
  SequenceCall,
  SequenceOperands,
  SequenceShare,
} from '../../backend/kernels/sequence.js';
import { PANEL, panelsOf, type BufferSpec, type Tensor } from '../../tensor/heap.js';
import {
  bindParameter,
  bindWeightGradient,
  countRows,
  meet,
  weightGradientGroup,
  type Binding,
  type RowKernel,
} from '../binding.js';
import type { BoundGradient, BoundLayer, BoundSignal, Pack, SequencePasses } from '../layer.js';
import { bindDropped } from '../dropped-weight.js';
import { packBias, packWeight } from '../packed-weight.js';
import type { Signal } from '../signal.js';
import type { WorkGroup } from '../work/shares.js';
import { firstPart, teamOf, type Share } from '../work/teams.js';
import { halvesOf, type PlannedRecurrence } from './cell.js';
import { bindHiddenPack, inBlocks } from './hidden-weight.js';
import { bindInitialState } from './initial-state.js';

/** A recurrent layer on one thread: the same for every cell. */
export class RecurrentLayer implements BoundLayer {
  readonly output: { value: Tensor; final: Tensor };
  readonly passes: SequencePasses;
  readonly packs: Pack[];
  readonly weightGradients?: WorkGroup[];
  readonly prepare: (part: number) => void;
  readonly distinctGradient?: RowKernel;

  readonly #inputPer: Signal['per'];
  readonly #units: number;
  /** Calls that a time step takes. */
  readonly #halves: number;
  /** The products with x_t, by token or by distinct token; and their gradient. */
  readonly #project: RowKernel;
  readonly #forward: SequenceCall;
  readonly #training:
    { backward: SequenceCall; dInput: RowKernel | undefined; learnsInitial: boolean } | undefined;

  constructor(
    { cell, parameters, buffers, direction, weightDropout, inputPer }: PlannedRecurrence,
    private readonly binding: Binding,
    input: BoundSignal,
    { gradient: dHidden, finalGradient: dLast }: BoundGradient,
  ) {
    const { backend, heap, sizes, slot, slotPlan, view, clock } = binding;
    const { inputWeight, hiddenWeight, inputBias, hiddenBias } = parameters;
    this.#inputPer = inputPer;
    this.#halves = halvesOf(cell);
    const byDistinct = inputPer === 'distinct';
    const reversed = direction === 'backwards';
    const hidden = heap.tensor(buffers.hidden);
    const gates = heap.tensor(buffers.gates);
    const projected = buffers.projected && heap.tensor(buffers.projected);
    this.#units = panelsOf(hiddenWeight.shape[1]!);
    const stateOut = heap.tensor(buffers.states[slot ^ 1]!);
    const [, rows] = stateOut.shape;
    const stateIn = sizes.shape.carries ? heap.tensor(buffers.states[slot]!) : undefined;
    const initial =
      parameters.initial &&
      bindInitialState(binding, parameters.initial, buffers.initial!, {
        ...(stateIn && { stateIn }),
        stateOut,
      });
    this.output = { value: hidden, final: stateOut.hi(this.#units, rows!, PANEL) };

    // What is left of it in training, all of it elsewhere.
    const dropped = binding.training ? buffers.droppedWeight : undefined;
    const packed = dropped?.packed ?? buffers.hiddenWeight;
    const inner = buffers.inner && heap.tensor(buffers.inner);
    const innerWith = (weights: BufferSpec | undefined): Pick<SequenceOperands, 'inner'> =>
      inner && weights ? { inner: { values: inner, weights: heap.tensor(weights) } } : {};
    this.#project = backend.bind(product, {
      a: input.value,
      b: heap.tensor(buffers.inputWeight.forward),
      c: projected ?? gates,
      start: { bias: heap.tensor(buffers.bias) },
    });
    const sequence: Omit<SequenceOperands, 'weights'> = {
      gates,
      hidden,
      ...(buffers.cell && { cell: heap.tensor(buffers.cell) }),
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
    };
    this.#forward = backend.bind(cell.forward, {
      ...sequence,
      work,
      weights: heap.tensor(packed.outer.forward),
      ...innerWith(packed.inner?.forward),
      ...(projected && {
        projected: { product: projected, rows: heap.indices(slotPlan.distinctOf) },
      }),
      ...((initial?.rows ?? stateIn) && { stateIn: initial?.rows ?? stateIn! }),
      stateOut,
    });
    this.passes = {
      by: 'sequence',
      forward: (part) => this.#runForward(part),
      backward: (part) => this.#runBackward(part),
    };
    this.prepare = (part) => {
      initial?.begin(part);
      if (!byDistinct) return;
      const [begin, end] = view.share(view.distinct(), part);
      this.#project(begin, end);
      clock.lap('input product');
    };
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
      packBias(binding, [inputBias.name, hiddenBias.name], heap.tensor(buffers.bias)),
      ...(initial?.packs ?? []),
    ];
    if (!binding.training) return;

    const dInput =
      input.gradient &&
      backend.bind(product, {
        a: projected ?? gates,
        b: heap.tensor(buffers.inputWeight.backward),
        c: input.gradient,
        start: input.start,
      });
    this.#training = {
      backward: backend.bind(cell.backward, {
        ...sequence,
        work,
        weights: heap.tensor(packed.outer.backward),
        ...innerWith(packed.inner?.backward),
        ...(dHidden && { dHidden }),
        ...(dLast && { dLast }),
        ...(initial?.gradient && { dInitial: initial.gradient }),
      }),
      dInput,
      learnsInitial: initial !== undefined,
    };
    if (byDistinct && dInput) {
      this.distinctGradient = (row0, row1) => {
        dInput(row0, row1);
        clock.lap('embedding gradients');
      };
    }
    const isShared = hiddenBias.gradientKind.kind === 'same';
    const biases = isShared ? [inputBias.name, hiddenBias.name] : [hiddenBias.name];
    const ofHiddenWeight = {
      ...{ weight: hiddenWeight.name, biases },
      ...{ dOutput: gates, per: 'token' as const },
    };
    const dOuterWeight = bindWeightGradient(binding, {
      ...{ ...ofHiddenWeight, input: hidden },
      orderInput: heap.indices(reversed ? slotPlan.following : slotPlan.previous),
      runs: heap.indices(reversed ? slotPlan.reversedRuns : slotPlan.runs),
    });
    const dHiddenWeight = inner
      ? inBlocks(
          cell,
          dOuterWeight,
          bindWeightGradient(binding, { ...ofHiddenWeight, input: inner }),
        )
      : dOuterWeight;
    const drawn =
      dropped &&
      bindDropped(binding, {
        ...{ name: hiddenWeight.name, rate: weightDropout, biases, left: dropped.value },
        pack: (left) => bindHiddenPack(binding, left, cell, dropped.packed),
      });
    if (drawn) {
      const { prepare } = this;
      this.prepare = (part) => {
        prepare(part);
        drawn.draw(...view.share(hiddenWeight.units, part));
        clock.lap('dropout');
      };
    }
    const dInputWeight = bindWeightGradient(binding, {
      weight: inputWeight.name,
      biases: isShared ? [] : [inputBias.name],
      ...{ dOutput: projected ?? gates, input: input.value, per: inputPer },
    });
    const sum =
      projected &&
      backend.bind(tokenSum, {
        gradient: gates,
        starts: heap.indices(slotPlan.distinctStart),
        positions: heap.indices(slotPlan.positions),
        out: projected,
      });
    const [hiddenSize, inputs] = [hiddenWeight.shape[1]!, inputWeight.shape[1]!];
    this.weightGradients = [
      weightGradientGroup(
        binding,
        hiddenWeight.units,
        () => view.tokens * hiddenSize,
        (from, to) => {
          dHiddenWeight(from, to);
          drawn?.mask(from, to);
        },
      ),
      weightGradientGroup(
        binding,
        inputWeight.units,
        () => countRows(binding, inputPer) * inputs + (sum ? view.tokens : 0),
        (from, to) => {
          if (sum) {
            for (let unit = from; unit < to; unit++) {
              const panel = panelOfUnit(unit, inputWeight.rows);
              sum(0, view.distinct(), panel, panel + 1);
            }
            clock.lap('embedding gradients');
          }
          dInputWeight(from, to);
        },
      ),
      ...(initial?.weightGradients ?? []),
    ];
  }

  *#runForward(part: number): Share {
    const { clock, view } = this.binding;
    const share = this.#shareOf(part);
    if (this.#inputPer !== 'distinct') {
      this.#project(...view.places(part));
      clock.lap('input product');
    }
    // Each member multiplied other places than those of its units: what follows the first meeting reads them.
    if (share.isTeam) {
      for (let t = -1; t < this.#halves * share.steps; t++) {
        this.#forward(share, t, t + 1);
        clock.lap('recurrence');
        yield* meet(this.binding, part);
      }
    } else {
      this.#forward(share, -1, this.#halves * share.steps);
      clock.lap('recurrence');
    }
  }

  *#runBackward(part: number): Share {
    const { clock, view } = this.binding;
    const { backward, dInput, learnsInitial } = this.#training!;
    // What comes before the first step.
    const first = learnsInitial ? -1 : 0;
    const share = this.#shareOf(part);
    if (share.isTeam) {
      yield* meet(this.binding, part);
      for (let t = this.#halves * share.steps - 1; t >= first; t--) {
        backward(share, t, t + 1);
        clock.lap('recurrence');
        if (t >= 0) yield* meet(this.binding, part);
      }
    } else {
      backward(share, first, this.#halves * share.steps);
      clock.lap('recurrence');
    }
    if (this.#inputPer !== 'distinct' && dInput) {
      dInput(...view.places(part));
      clock.lap('input product');
    }
  }

  /** What a part computes of its team's recurrence. */
  #shareOf(part: number): SequenceShare & { isTeam: boolean } {
    const { sizes, view } = this.binding;
    const team = teamOf(sizes, part);
    const part0 = firstPart(sizes, team);
    const [unit0, unit1] = view.shareInTeam(this.#units, part);
    return {
      countsStart: team * sizes.maxSteps,
      steps: view.team(team, 'steps'),
      row0: view.team(team, 'row0'),
      unit0,
      unit1,
      member: part - part0,
      isTeam: view.isInTeam(part),
    };
  }
}
