import { panelsOf, PANEL, type BufferSpec, type HeapPlan } from '../tensor/heap.js';

/**
 * Buffers that several layers use one after the other: each asks for what it needs, and the largest request of a name decides.
 * They are added to the heap when all have asked. Only for layers that go over the same batch, where each part has the same rows in all
 * of them: parts do not wait for each other between layers.
 */
export class SharedBuffers {
  readonly #panels = new Map<string, { rows: number; columns: number }>();
  readonly #indices = new Map<string, number[]>();
  readonly #planned = new Map<string, BufferSpec>();

  /** A panel matrix of at least so many rows and columns. @returns it, when `allocate` has been called */
  panels(name: string, rows: number, columns: number): () => BufferSpec {
    const former = this.#panels.get(name) ?? { rows: 0, columns: 0 };
    this.#panels.set(name, {
      rows: Math.max(rows, former.rows),
      columns: Math.max(panelsOf(columns) * PANEL, former.columns),
    });
    return () => this.#planned.get(name)!;
  }

  /** Integers, at least so many along each dimension. */
  indices(name: string, ...shape: number[]): () => BufferSpec {
    const former = this.#indices.get(name) ?? [];
    this.#indices.set(
      name,
      shape.map((length, axis) => Math.max(length, former[axis] ?? 0)),
    );
    return () => this.#planned.get(name)!;
  }

  allocate(heap: HeapPlan): void {
    for (const [name, { rows, columns }] of this.#panels) {
      this.#planned.set(name, heap.panels(name, rows, columns));
    }
    for (const [name, shape] of this.#indices) {
      this.#planned.set(name, heap.indices(name, ...shape));
    }
  }
}
