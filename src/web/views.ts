/**
 * Strided views, in the place of those of the package `ndarray`, which the module's bundle would have: that one makes code of strings,
 * which pages with a strict policy and workers at the edge forbid. It has what layers and kernels call.
 */

type Values = Float32Array | Float64Array | Int32Array;

class View {
  constructor(
    readonly data: Values,
    readonly shape: readonly number[],
    readonly stride: readonly number[],
    readonly offset: number,
  ) {}

  get dimension(): number {
    return this.shape.length;
  }

  get size(): number {
    return this.shape.reduce((product, length) => product * length, 1);
  }

  index(...place: readonly number[]): number {
    return place.reduce((sum, at, i) => sum + at * this.stride[i]!, this.offset);
  }

  get(...place: readonly number[]): number {
    return this.data[this.index(...place)]!;
  }

  set(...placeAndValue: readonly number[]): number {
    const value = placeAndValue.at(-1)!;
    this.data[this.index(...placeAndValue.slice(0, -1))] = value;
    return value;
  }

  /** The part before some places. */
  hi(...ends: readonly (number | null)[]): View {
    const shape = this.shape.map((length, i) => ends[i] ?? length);
    return new View(this.data, shape, this.stride, this.offset);
  }

  /** The part from some places on. */
  lo(...starts: readonly (number | null)[]): View {
    const from = this.shape.map((_, i) => starts[i] ?? 0);
    const shape = this.shape.map((length, i) => length - from[i]!);
    return new View(this.data, shape, this.stride, this.index(...from));
  }

  /** Every so manyth, from the end where that is below 0. */
  step(...steps: readonly number[]): View {
    let { offset } = this;
    const shape = this.shape.map((length, i) => Math.ceil(length / Math.abs(steps[i] ?? 1)));
    const stride = this.stride.map((distance, i) => {
      const step = steps[i] ?? 1;
      if (step < 0) offset += distance * (this.shape[i]! - 1);
      return distance * step;
    });
    return new View(this.data, shape, stride, offset);
  }

  /** What is left where some places are given. */
  pick(...places: readonly (number | null)[]): View {
    const isLeft = (_: number, i: number): boolean => (places[i] ?? -1) < 0;
    const offset = this.index(...this.shape.map((_, i) => Math.max(0, places[i] ?? 0)));
    return new View(this.data, this.shape.filter(isLeft), this.stride.filter(isLeft), offset);
  }
}

export default function view(
  data: Values,
  shape: readonly number[] = [data.length],
  stride: readonly number[] = rowMajor(shape),
  offset = 0,
): View {
  return new View(data, shape, stride, offset);
}

function rowMajor(shape: readonly number[]): number[] {
  const stride = new Array<number>(shape.length);
  let distance = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    stride[i] = distance;
    distance *= shape[i]!;
  }
  return stride;
}
