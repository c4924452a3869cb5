import { PANEL, type Tensor } from '../../tensor/heap.js';
import type { Binding } from '../binding.js';

/** Where what is fed comes from and goes to: the first columns of what the lowest layer reads. */
interface Ends {
  /** [panels, places, 16] each */
  top: Tensor;
  fed: Tensor;
  /** By slot: [panels, rows, 16]: what rows carry. */
  states: readonly Tensor[];
  gradients?: { top: Tensor; fed: Tensor };
}

/** Takes what has come of a token to the one behind it, or along with the row from batch to batch; and gradients back. */
export class Feed {
  readonly #rowStart: Int32Array;
  readonly #tokenPlaces: Int32Array;
  readonly #rowOf: Int32Array;

  /** @param width columns that are fed */
  constructor(
    private readonly binding: Binding,
    private readonly width: number,
    private readonly ends: Ends,
  ) {
    const { heap, slotPlan } = binding;
    this.#rowStart = heap.flatIndices(slotPlan.rowStart);
    this.#tokenPlaces = heap.flatIndices(slotPlan.tokenPlaces);
    this.#rowOf = heap.flatIndices(slotPlan.rowOf);
  }

  /** What the first tokens of the part's own rows are fed with: what the rows carry, or zeros. */
  begin(part: number): void {
    const { view, slot, sizes } = this.binding;
    const { fed, states } = this.ends;
    const [row0, row1] = view.rowsOf(part);
    for (let row = row0; row < row1; row++) {
      const token = this.#rowStart[row]!;
      if (token === this.#rowStart[row + 1]!) continue;
      const place = this.#tokenPlaces[token]!;
      if (sizes.shape.carries) this.#copy(states[slot]!, row, fed, place);
      else this.#clear(fed, place);
    }
  }

  /** From the tokens of step t at places [place0, place1). */
  forward(t: number, place0: number, place1: number): void {
    const { slot, sizes } = this.binding;
    const { top, fed, states } = this.ends;
    for (let place = place0; place < place1; place++) {
      const row = this.#rowOf[place]!;
      const next = this.#rowStart[row]! + t + 1;
      if (next < this.#rowStart[row + 1]!) this.#copy(top, place, fed, this.#tokenPlaces[next]!);
      else if (sizes.shape.carries) this.#copy(top, place, states[slot ^ 1]!, row);
    }
  }

  /** To them, added to what has come from above. */
  backward(t: number, place0: number, place1: number): void {
    const { top, fed } = this.ends.gradients!;
    for (let place = place0; place < place1; place++) {
      const row = this.#rowOf[place]!;
      const next = this.#rowStart[row]! + t + 1;
      if (next < this.#rowStart[row + 1]!) this.#add(fed, this.#tokenPlaces[next]!, top, place);
    }
  }

  #copy(from: Tensor, fromRow: number, to: Tensor, toRow: number): void {
    for (let column = 0; column < this.width; column += PANEL) {
      const [source, target] = [lineOf(from, column, fromRow), lineOf(to, column, toRow)];
      const count = Math.min(PANEL, this.width - column);
      for (let i = 0; i < count; i++) to.data[target + i] = from.data[source + i]!;
    }
  }

  #add(from: Tensor, fromRow: number, to: Tensor, toRow: number): void {
    for (let column = 0; column < this.width; column += PANEL) {
      const [source, target] = [lineOf(from, column, fromRow), lineOf(to, column, toRow)];
      const count = Math.min(PANEL, this.width - column);
      for (let i = 0; i < count; i++) to.data[target + i]! += from.data[source + i]!;
    }
  }

  #clear(to: Tensor, row: number): void {
    for (let column = 0; column < this.width; column += PANEL) {
      const target = lineOf(to, column, row);
      to.data.fill(0, target, target + Math.min(PANEL, this.width - column));
    }
  }
}

/** Where the 16 columns from one on lie of a row. */
function lineOf({ offset, stride }: Tensor, column: number, row: number): number {
  return offset + (column / PANEL) * stride[0]! + row * PANEL;
}
