import type { Backend } from '../../src/backend/backend.js';
import { leftPlace, rightPlace, writeHalf } from '../../src/backend/kernels/pairs.js';
import {
  Heap,
  HeapPlan,
  PANEL,
  type BufferSpec,
  type DoubleTensor,
  type FloatArray,
  type IndexTensor,
  type Tensor,
} from '../../src/tensor/heap.js';
import { fillUniform, PURPOSE } from '../../src/tensor/random.js';
import type { Implementation } from './implementations.js';

/** Unit roundoff of float32: the largest relative error of one rounding. */
export const EPSILON = 2 ** -24;

/**
 * What every word of the heap holds that no case has filled: a NaN, so that a kernel which reads what is not its
 * own shows it, and a known one, so that a kernel which writes there shows it too.
 */
const CANARY = 0x7fc5ca1e;
const ARGUMENT_DOUBLES = 1024;

/** The case before on each block: what it has planned, and a while beyond, is to be made canaries again. */
const lastOn = new WeakMap<Uint8Array, HeapPlan>();
const BEYOND = 65_536;

/** Value of element (row, column). */
export type Fill = (row: number, column: number) => number;

const drawn = new Float32Array(65_521);
fillUniform(drawn, 1, 1, PURPOSE.weights, 0);

/** Numbers that look uniform in [-bound, bound); `stream` tells tensors apart. */
export function uniform(bound: number, stream: number): Fill {
  return (row, column) => bound * drawn[(stream * 7919 + row * 1009 + column * 31) % drawn.length]!;
}

export const zeros: Fill = () => 0;

/** A heap with the buffers of one case on it, and one implementation's kernels bound to it. */
export class Workbench {
  readonly backend: Backend;
  readonly #heap: Heap;
  readonly #plan: HeapPlan;
  readonly #start: number;
  readonly #tolerances = new Map<BufferSpec, number>();

  /**
   * @param given what the buffers hold before the call, where the same case has been laid out already: then `fill`s are not
   *   asked again
   */
  constructor(
    implementation: Implementation,
    private readonly given?: Snapshot,
  ) {
    const block = implementation.block();
    this.#heap = new Heap(block.bytes, 4);
    const { buffer, byteOffset, length } = block.bytes;
    const { reserved } = implementation;
    const used = Math.min((lastOn.get(block.bytes)?.bytes ?? length) + BEYOND, length);
    new Int32Array(buffer, byteOffset + reserved, (used - reserved) / 4).fill(CANARY);
    this.#plan = new HeapPlan(4, implementation.reserved);
    lastOn.set(block.bytes, this.#plan);
    const space = this.#plan.doubles('kernel arguments', ARGUMENT_DOUBLES);
    this.#start = this.#plan.bytes;
    this.backend = implementation.bind(block, this.#heap.doubles(space));
  }

  /** A panel matrix; columns that fill up the last panel are zero. Without `fill`, canaries. */
  panels(name: string, rows: number, columns: number, fill?: Fill): Tensor {
    const tensor = this.#heap.tensor(this.#plan.panels(name, rows, columns));
    const [panels] = tensor.shape;
    for (let panel = 0; fill && !this.given && panel < panels!; panel++) {
      for (let row = 0; row < rows; row++) {
        // Places in the data: to ask for each element's would take longer than what is tried here.
        const place = tensor.index(panel, row, 0);
        for (let lane = 0; lane < PANEL; lane++) {
          const column = panel * PANEL + lane;
          tensor.data[place + lane] = column < columns ? fill(row, column) : 0;
        }
      }
    }
    return tensor;
  }

  /** A left operand in bfloat16, zeros in what fills up its last pair of panels. Without `fill`, canaries. */
  pairs(name: string, rows: number, columns: number, fill?: Fill): IndexTensor {
    const tensor = this.#heap.indices(this.#plan.pairs(name, rows, columns));
    for (let row = 0; fill && !this.given && row < rows; row++) {
      for (let k = 0; k < 2 * PANEL * tensor.shape[0]!; k++) {
        writeHalf(tensor, leftPlace(tensor, row, k), k < columns ? fill(row, k) : 0);
      }
    }
    return tensor;
  }

  /** A right operand in bfloat16, in the same way. */
  pairedPanels(name: string, inputs: number, columns: number, fill?: Fill): IndexTensor {
    const tensor = this.#heap.indices(this.#plan.pairedPanels(name, inputs, columns));
    for (let k = 0; fill && !this.given && k < 2 * tensor.shape[1]!; k++) {
      for (let column = 0; column < PANEL * tensor.shape[0]!; column++) {
        const value = k < inputs && column < columns ? fill(k, column) : 0;
        writeHalf(tensor, rightPlace(tensor, k, column), value);
      }
    }
    return tensor;
  }

  /** A dense tensor of one or two dimensions. Without `fill`, canaries. */
  tensor(name: string, shape: [number] | [number, number], fill?: Fill): Tensor {
    const spec = this.#plan.tensor(name, shape);
    const flat = this.#heap.flat(spec);
    const columns = shape[1] ?? 1;
    for (let i = 0; fill && !this.given && i < flat.length; i++)
      flat[i] = fill(Math.floor(i / columns), i % columns);
    return this.#heap.tensor(spec);
  }

  /** An array of integers with the values given, or canaries of the shape given. */
  indices(name: string, values: readonly number[] | number, ...rest: number[]): IndexTensor {
    const length = typeof values === 'number' ? values : values.length;
    const spec = this.#plan.indices(name, length, ...rest);
    if (typeof values !== 'number') this.#heap.flatIndices(spec).set(values);
    return this.#heap.indices(spec);
  }

  /** The same for float64. */
  doubles(name: string, values: readonly number[] | number): DoubleTensor {
    const spec = this.#plan.doubles(name, typeof values === 'number' ? values : values.length);
    if (typeof values !== 'number') this.#heap.flatDoubles(spec).set(values);
    return this.#heap.doubles(spec);
  }

  /** Memory whose contents after the call mean nothing. */
  scratch(name: string, floats: number): Tensor {
    const spec = this.#plan.tensor(name, [floats]);
    this.#tolerances.set(spec, Infinity);
    return this.#heap.tensor(spec);
  }

  /** Allows the buffer made last under `name` to differ from the oracle's by `tolerance`; others must not at all. */
  allow(name: string, tolerance: number): void {
    const spec = this.#plan.buffers.findLast((buffer) => buffer.name === name);
    if (!spec) throw new Error(`no buffer ${name}`);
    this.#tolerances.set(spec, tolerance);
  }

  /** What the buffers hold when all are laid out. */
  begin(): Snapshot {
    if (!this.given) return this.snapshot();
    this.#heap.bytes.set(new Uint8Array(this.given.bytes), this.#start);
    return this.given;
  }

  snapshot(): Snapshot {
    const bytes = this.#heap.bytes.slice(this.#start, this.#plan.bytes).buffer;
    const buffers = this.#plan.buffers.slice(1).map((spec) => ({
      name: spec.name,
      type: spec.type,
      begin: (spec.offset - this.#start) / 4,
      end: (spec.offset - this.#start + spec.bytes) / 4,
      tolerance: this.#tolerances.get(spec) ?? 0,
    }));
    return { bytes, words: new Uint32Array(bytes), buffers };
  }
}

/** What the whole heap of a case held at one moment; buffers by their range of 32-bit words. */
export interface Snapshot {
  bytes: ArrayBufferLike;
  words: Uint32Array;
  buffers: {
    name: string;
    type: BufferSpec['type'];
    begin: number;
    end: number;
    tolerance: number;
  }[];
}

/** The elements of a buffer of floats, padding between panels included. */
export function floatsOf({ bytes, buffers }: Snapshot, name: string): Float32Array {
  const { begin, end } = buffers.find((buffer) => buffer.name === name)!;
  return new Float32Array(bytes, begin * 4, end - begin);
}

/** Where two heaps differ in any bit, scratch aside, in words; nothing when they are equal. */
export function differingBits(actual: Snapshot, expected: Snapshot): string | undefined {
  const words = actual.words.slice();
  for (const { begin, end, tolerance } of expected.buffers) {
    if (tolerance === Infinity) words.set(expected.words.subarray(begin, end), begin);
  }
  // At the speed of memcmp, where nothing differs.
  if (Buffer.compare(bytesOf(words), bytesOf(expected.words)) === 0) return undefined;
  let place = 0;
  while (place < words.length && words[place] === expected.words[place]) place++;
  if (words.length !== expected.words.length) return 'the heaps differ in size';
  return `${locate(expected, place)} differs in its bits`;
}

function bytesOf({ buffer, byteOffset, byteLength }: Uint32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/**
 * Where a heap differs from the oracle's by more than each buffer's tolerance. Everything that the oracle left as
 * it was, between buffers too, must have kept its bits.
 */
export function differingValues(
  actual: Snapshot,
  expected: Snapshot,
  before: Snapshot,
): string | undefined {
  const rounded: Snapshot = { ...actual, words: actual.words.slice() };
  for (const { begin, end, tolerance, type } of expected.buffers) {
    if (tolerance === 0 || tolerance === Infinity) continue;
    const step = type === 'float64' ? 2 : 1;
    const [got, wanted] = [actual, expected].map(({ bytes }) =>
      type === 'float64' ? new Float64Array(bytes) : new Float32Array(bytes),
    ) as [FloatArray, FloatArray];
    for (let word = begin; word < end; word += step) {
      if (expected.words[word] === before.words[word]) continue;
      const [a, e] = [got[word / step]!, wanted[word / step]!];
      // Written so that a NaN fails.
      if (!(Math.abs(a - e) <= tolerance)) {
        return `${locate(expected, word)} is ${a} instead of ${e} ± ${tolerance}`;
      }
      rounded.words.set(expected.words.subarray(word, word + step), word);
    }
  }
  return differingBits(rounded, expected);
}

function locate({ buffers }: Snapshot, word: number): string {
  const buffer = buffers.find(({ begin, end }) => word >= begin && word < end);
  return buffer ? `${buffer.name}, word ${word - buffer.begin}` : `word ${word}, between buffers,`;
}
