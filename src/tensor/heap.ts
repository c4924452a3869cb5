import ndarray, { type NdArray } from 'ndarray';

/**
 * The heap: every tensor of a run lies in one shared block of memory that is planned before anything is
 * allocated. A plan is a list of named buffers; the same sizes give the same plan on every thread, so that
 * threads exchange no pointers, only the block itself.
 */

export type FloatArray = Float32Array | Float64Array;
/** A tensor of floats on the heap: float32, or float64 where the reference backend computes. */
export type Tensor = NdArray<FloatArray>;
/** An array of 32-bit integers on the heap. */
export type IndexTensor = NdArray<Int32Array>;
/** An array of float64 on the heap, whatever the type of the tensors. */
export type DoubleTensor = NdArray<Float64Array>;

/** Columns of a panel: see kernels/panel.h. */
export const PANEL = 16;

/** Buffers begin on cache lines, so that no two threads write to the same one by accident. */
const ALIGNMENT = 64;

export interface BufferSpec {
  readonly name: string;
  readonly type: 'float' | 'int32' | 'float64';
  readonly shape: readonly number[];
  /** Elements from one index of each dimension to the next. */
  readonly stride: readonly number[];
  /** Bytes from the start of the heap. */
  readonly offset: number;
  readonly bytes: number;
}

/** Number of panels that hold `columns` columns. */
export function panelsOf(columns: number): number {
  return Math.ceil(columns / PANEL);
}

/** A pure list of buffers, filled in once and then allocated as a whole. */
export class HeapPlan {
  readonly buffers: BufferSpec[] = [];
  #end: number;

  /**
   * @param floatBytes 4 for float32 tensors, 8 for float64 ones
   * @param reserved bytes at the start that belong to somebody else (the stacks of WebAssembly threads)
   */
  constructor(
    readonly floatBytes: 4 | 8,
    reserved = 0,
  ) {
    this.#end = align(reserved);
  }

  /** Total size in bytes. */
  get bytes(): number {
    return this.#end;
  }

  /** A dense tensor of floats in row-major order. */
  tensor(name: string, shape: readonly number[]): BufferSpec {
    return this.#add(name, 'float', shape, shape);
  }

  /**
   * A panel matrix of `rows` × `columns`: shape [panels, rows, 16]. The distance between panels is an odd
   * number of cache lines, since a power of two would map all panels to the same few cache sets.
   */
  panels(name: string, rows: number, columns: number): BufferSpec {
    const padded = rows | 1;
    return this.#add(
      name,
      'float',
      [panelsOf(columns), rows, PANEL],
      [panelsOf(columns), padded, PANEL],
    );
  }

  /** A pair matrix (kernels/bfloat16.h) of `rows` × `columns` in bfloat16: 32-bit words of shape [pairs of panels, rows, 16]. */
  pairs(name: string, rows: number, columns: number): BufferSpec {
    const pairs = Math.ceil(panelsOf(columns) / 2);
    return this.#add(name, 'int32', [pairs, rows, PANEL], [pairs, rows | 1, PANEL]);
  }

  /** A right operand of such products, `inputs` × `columns`: words of shape [panels, 16 · pairs of panels of inputs, 16]. */
  pairedPanels(name: string, inputs: number, columns: number): BufferSpec {
    const [panels, lines] = [panelsOf(columns), Math.ceil(panelsOf(inputs) / 2) * PANEL];
    return this.#add(name, 'int32', [panels, lines, PANEL], [panels, lines | 1, PANEL]);
  }

  indices(name: string, ...shape: number[]): BufferSpec {
    return this.#add(name, 'int32', shape, shape);
  }

  doubles(name: string, ...shape: number[]): BufferSpec {
    return this.#add(name, 'float64', shape, shape);
  }

  #add(
    name: string,
    type: BufferSpec['type'],
    shape: readonly number[],
    allocated: readonly number[],
  ): BufferSpec {
    const elementBytes = type === 'float' ? this.floatBytes : type === 'int32' ? 4 : 8;
    const stride = allocated.map((_, axis) =>
      allocated.slice(axis + 1).reduce((product, size) => product * size, 1),
    );
    const bytes = allocated.reduce((product, size) => product * size, elementBytes);
    const spec: BufferSpec = { name, type, shape, stride, offset: this.#end, bytes };
    this.buffers.push(spec);
    this.#end = align(this.#end + bytes);
    return spec;
  }
}

function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** Views of a block of shared memory that follows a plan. */
export class Heap {
  readonly #floats: FloatArray;
  readonly #int32: Int32Array;
  readonly #float64: Float64Array;
  /** Layers, slots and kernels ask for the same ones again. */
  readonly #tensors = new Map<BufferSpec, Tensor>();
  readonly #indices = new Map<BufferSpec, IndexTensor>();

  constructor(
    readonly bytes: Uint8Array,
    floatBytes: 4 | 8,
  ) {
    const { buffer, byteOffset, length } = bytes;
    this.#floats =
      floatBytes === 4
        ? new Float32Array(buffer, byteOffset, length / 4)
        : new Float64Array(buffer, byteOffset, length / 8);
    this.#int32 = new Int32Array(buffer, byteOffset, length / 4);
    this.#float64 = new Float64Array(buffer, byteOffset, length / 8);
  }

  tensor(spec: BufferSpec): Tensor {
    const known = this.#tensors.get(spec);
    if (known) return known;
    const made = view(this.#floats, spec);
    this.#tensors.set(spec, made);
    return made;
  }

  indices(spec: BufferSpec): IndexTensor {
    const known = this.#indices.get(spec);
    if (known) return known;
    const made = view(this.#int32, spec);
    this.#indices.set(spec, made);
    return made;
  }

  doubles(spec: BufferSpec): DoubleTensor {
    return view(this.#float64, spec);
  }

  /** The elements of a float buffer as one flat array, padding between panels included. */
  flat(spec: BufferSpec): FloatArray {
    const start = spec.offset / this.#floats.BYTES_PER_ELEMENT;
    return this.#floats.subarray(start, start + spec.bytes / this.#floats.BYTES_PER_ELEMENT);
  }

  flatIndices(spec: BufferSpec): Int32Array {
    return this.#int32.subarray(spec.offset / 4, (spec.offset + spec.bytes) / 4);
  }

  flatDoubles(spec: BufferSpec): Float64Array {
    return this.#float64.subarray(spec.offset / 8, (spec.offset + spec.bytes) / 8);
  }
}

function view<T extends FloatArray | Int32Array>(data: T, spec: BufferSpec): NdArray<T> {
  return ndarray(data, [...spec.shape], [...spec.stride], spec.offset / data.BYTES_PER_ELEMENT);
}
