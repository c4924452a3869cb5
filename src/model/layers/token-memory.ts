import { copyColumns } from '../../backend/kernels/columns.js';
import type { Pairs } from '../../backend/kernels/attention-pairs.js';
import {
  PANEL,
  panelsOf,
  type BufferSpec,
  type FloatArray,
  type HeapPlan,
  type Tensor,
} from '../../tensor/heap.js';
import { clearLines, LineCopies } from '../../tensor/panel-lines.js';
import { bindHandOver, type Binding } from '../binding.js';
import type { BoundSignal } from '../layer.js';
import { maxPlaces, SLOTS, type NetworkSizes } from '../sizes.js';

/** What tokens look back at: the tokens before them in their row, at most `span`, those of the batches before among them where rows go on. */
export interface MemoryBuffers {
  span: number;
  /** By signal: [panels, places + span · rows, 16]: a batch's tokens, and behind them what each row has brought along, the oldest first */
  values: readonly BufferSpec[];
  /** The same in training. */
  gradients?: readonly BufferSpec[];
  /** By slot: [span · panels + 1, rows, 16]: what each row brings along, token by token, and of how many tokens */
  states: readonly BufferSpec[];
  /** [tokens + 1], [tokens] and [2 tokens]: each token as a row of its own; where in the list those that it looks back at begin and end */
  numbers: BufferSpec;
  edgesOf: BufferSpec;
  edges: BufferSpec;
  /** [tokens + span · rows]: places of what each row has brought along, and of its tokens; row after row */
  list: BufferSpec;
}

/** @param widths of the signals that are remembered */
export function planMemory(
  heap: HeapPlan,
  name: string,
  sizes: NetworkSizes,
  span: number,
  widths: readonly number[],
): MemoryBuffers {
  const { maxTokens, maxRows, training } = sizes;
  const panels = widths.reduce((sum, width) => sum + panelsOf(width), 0);
  const ofSignals = (what: string): BufferSpec[] =>
    widths.map((width, i) =>
      heap.panels(`${name} ${what} ${i}`, maxPlaces(sizes) + span * maxRows, width),
    );
  return {
    span,
    values: ofSignals('memory'),
    ...(training && { gradients: ofSignals('d memory') }),
    states: Array.from({ length: SLOTS }, (_, slot) =>
      heap.panels(`${name} state ${slot}`, maxRows, (span * panels + 1) * PANEL),
    ),
    numbers: heap.indices(`${name} numbers`, maxTokens + 1),
    edgesOf: heap.indices(`${name} edges of tokens`, maxTokens),
    edges: heap.indices(`${name} edges`, 2 * maxTokens),
    list: heap.indices(`${name} list`, maxTokens + span * maxRows),
  };
}

/** Panels of one token's values in a state, and where they lie in the memory. */
interface Remembered {
  flat: FloatArray;
  stride: number;
  panels: number;
}

/** What rows bring and take along, and how it gets into the memory and out of it. */
interface MemoryStates {
  before: FloatArray;
  after: FloatArray;
  /** From panel to panel. */
  stride: number;
  /** By signal: the first of its panels of a token. */
  panel0: readonly number[];
  recalls: readonly LineCopies[];
  keeps: readonly LineCopies[];
}

function panelsBefore(signals: readonly Remembered[], end = signals.length): number {
  return signals.slice(0, end).reduce((sum, { panels }) => sum + panels, 0);
}

/** On one thread. */
export class TokenMemory {
  /** Which tokens meet: to kernels each is a row of its own, whose source are those that it looks back at. */
  readonly pairs: Omit<Pairs, 'heads'>;
  /** By signal. */
  readonly values: readonly Tensor[];
  readonly gradients: readonly Tensor[];
  readonly #copies: readonly ((place0: number, place1: number) => void)[];
  readonly #handOvers: readonly (((place0: number, place1: number) => void) | undefined)[];
  readonly #remembered: readonly Remembered[];
  readonly #forgotten: readonly Remembered[];
  readonly #lists: {
    numbers: Int32Array;
    edgesOf: Int32Array;
    edges: Int32Array;
    list: Int32Array;
  };
  readonly #batch: { rowStart: Int32Array; tokenPlaces: Int32Array };
  /** Where rows go on: what they bring, and what they take along. */
  readonly #states: MemoryStates | undefined;
  /** Where in a state the number of tokens stands that it is of. */
  readonly #seenPanel: number;
  readonly #places: number;

  /** @param signals what is remembered; their gradients are added to what is there, or written there, as they begin */
  constructor(
    private readonly binding: Binding,
    private readonly buffers: MemoryBuffers,
    signals: readonly BoundSignal[],
  ) {
    const { backend, heap, slot, slotPlan, sizes, training } = binding;
    const { values, gradients = [], states, span } = buffers;
    this.values = values.map((spec) => heap.tensor(spec));
    this.gradients = training ? gradients.map((spec) => heap.tensor(spec)) : [];
    const columns = (spec: BufferSpec): number => spec.shape[0]! * PANEL;
    this.#copies = signals.map(({ value }, i) =>
      backend.bind(copyColumns, {
        from: { matrix: value, column: 0 },
        to: { matrix: this.values[i]!, column: 0 },
        ...{ columns: columns(values[i]!), adds: false },
      }),
    );
    this.#handOvers = this.gradients.map((matrix, i) => {
      const { gradient, start } = signals[i]!;
      const to = { matrix: gradient!, column: 0, start };
      return bindHandOver(binding, { matrix, column: 0 }, to, columns(values[i]!));
    });
    const flat = (spec: BufferSpec): Remembered => ({
      ...{ flat: heap.flat(spec), stride: spec.stride[0]!, panels: spec.shape[0]! },
    });
    this.#remembered = values.map(flat);
    this.#forgotten = training ? gradients.map(flat) : [];
    this.#lists = {
      numbers: heap.flatIndices(buffers.numbers),
      edgesOf: heap.flatIndices(buffers.edgesOf),
      edges: heap.flatIndices(buffers.edges),
      list: heap.flatIndices(buffers.list),
    };
    this.#batch = {
      rowStart: heap.flatIndices(slotPlan.rowStart),
      tokenPlaces: heap.flatIndices(slotPlan.tokenPlaces),
    };
    if (sizes.shape.carries) {
      const [before, after] = [heap.flat(states[slot]!), heap.flat(states[slot ^ 1]!)];
      this.#states = {
        ...{ before, after, stride: states[slot]!.stride[0]! },
        panel0: this.#remembered.map((_, i) => panelsBefore(this.#remembered, i)),
        recalls: this.#remembered.map(({ flat }) => new LineCopies(before, flat)),
        keeps: this.#remembered.map(({ flat }) => new LineCopies(flat, after)),
      };
    }
    this.#seenPanel = span * panelsBefore(this.#remembered);
    this.#places = maxPlaces(sizes);
    this.pairs = {
      rowStart: heap.indices(buffers.numbers),
      tokenPlaces: heap.indices(slotPlan.tokenPlaces),
      source: { rowStart: heap.indices(buffers.edges), tokenPlaces: heap.indices(buffers.list) },
      sourceRow: heap.indices(buffers.edgesOf),
    };
  }

  /** Takes the part's own places in. */
  remember(part: number): void {
    const [place0, place1] = this.binding.view.places(part);
    for (const copy of this.#copies) copy(place0, place1);
  }

  /** The numbers of the part's first token and of the one behind its last, of its own rows. */
  tokensOf(part: number): [token0: number, token1: number] {
    const { rowStart } = this.#batch;
    const [row0, row1] = this.binding.view.rowsOf(part);
    return [rowStart[row0]!, rowStart[row1]!];
  }

  /** Lists what the tokens of the part's own rows look back at, with what these rows have brought along. */
  recall(part: number): void {
    const { rowStart, tokenPlaces } = this.#batch;
    const { numbers, edgesOf, edges, list } = this.#lists;
    const { span } = this.buffers;
    const [row0, row1] = this.binding.view.rowsOf(part);
    for (let row = row0; row < row1; row++) {
      const base = this.#listOf(row);
      const seen = this.#seen(row);
      const brought = this.#broughtBy(row);
      for (let token = 0; token < seen; token++) list[base + token] = brought + token;
      if (seen > 0) this.#bring(row, seen, brought * PANEL);
      for (let n = rowStart[row]!, end = base + seen; n < rowStart[row + 1]!; n++, end++) {
        list[end] = tokenPlaces[n]!;
        numbers[n] = n;
        edgesOf[n] = 2 * n;
        edges[2 * n] = Math.max(base, end - span);
        edges[2 * n + 1] = end;
      }
    }
    // Whoever has the rows behind writes the same there.
    numbers[rowStart[row1]!] = rowStart[row1]!;
  }

  /** Copies what a row has brought along to where it is looked back at. */
  #bring(row: number, seen: number, start: number): void {
    const { recalls } = this.#states!;
    for (let i = 0; i < recalls.length; i++) {
      const { stride, panels } = this.#remembered[i]!;
      for (let panel = 0; panel < panels; panel++) {
        const from = this.#stateOf(i, panel, row);
        recalls[i]!.copy(seen, from, this.#tokenStride, panel * stride + start, PANEL);
      }
    }
  }

  /** Has the part's own rows take their latest tokens along, when all of these have been taken in. */
  keep(part: number): void {
    if (!this.#states) return;
    const { after, stride, keeps } = this.#states;
    const { span } = this.buffers;
    const { rowStart, tokenPlaces } = this.#batch;
    const [row0, row1] = this.binding.view.rowsOf(part);
    const step = this.#tokenStride;
    for (let row = row0; row < row1; row++) {
      const seen = this.#seen(row);
      const end = rowStart[row + 1]!;
      const length = end - rowStart[row]!;
      const kept = Math.min(span, seen + length);
      const own = Math.min(kept, length);
      // Of the latest ones that the row has brought along, as many as there is room for beside its own.
      const old = kept - own;
      const brought = this.#broughtBy(row) + seen - old;
      for (let i = 0; i < keeps.length; i++) {
        const copies = keeps[i]!;
        const { stride: ofPanel, panels } = this.#remembered[i]!;
        for (let panel = 0; panel < panels; panel++) {
          const from = panel * ofPanel;
          const to = this.#stateOf(i, panel, row);
          copies.copy(old, from + brought * PANEL, PANEL, to, step);
          for (let token = 0; token < own; token++) {
            const place = tokenPlaces[end - own + token]!;
            copies.copy(1, from + place * PANEL, PANEL, to + (old + token) * step, step);
          }
          clearLines(after, span - kept, to + kept * step, step);
        }
      }
      after[this.#seenPanel * stride + row * PANEL] = kept;
    }
  }

  /** Begins the gradients of the part's own places, and of what its rows have brought along. */
  clear(part: number): void {
    const { span } = this.buffers;
    const [place0, place1] = this.binding.view.places(part);
    const [row0, row1] = this.binding.view.rowsOf(part);
    for (const { flat, stride, panels } of this.#forgotten) {
      for (let panel = 0; panel < panels; panel++) {
        const at = panel * stride;
        const behind = at + this.#places * PANEL;
        flat.fill(0, at + place0 * PANEL, at + place1 * PANEL);
        flat.fill(0, behind + row0 * span * PANEL, behind + row1 * span * PANEL);
      }
    }
  }

  /** Hands the gradients of the part's own places on; those of what rows have brought along are nobody's. */
  handBack(part: number): void {
    const [place0, place1] = this.binding.view.places(part);
    for (const handOver of this.#handOvers) handOver?.(place0, place1);
  }

  #listOf(row: number): number {
    return this.#batch.rowStart[row]! + row * this.buffers.span;
  }

  #seen(row: number): number {
    const states = this.#states;
    return states ? states.before[this.#seenPanel * states.stride + row * PANEL]! : 0;
  }

  /** The line of the memory behind which lies what a row has brought along. */
  #broughtBy(row: number): number {
    return this.#places + row * this.buffers.span;
  }

  /** Where a panel of a signal begins in the state of a row's oldest token. */
  #stateOf(signal: number, panel: number, row: number): number {
    const { stride, panel0 } = this.#states!;
    return (panel0[signal]! + panel) * stride + row * PANEL;
  }

  /** From one token to the next in a state. */
  get #tokenStride(): number {
    return (this.#seenPanel / this.buffers.span) * this.#states!.stride;
  }
}
