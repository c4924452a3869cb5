/** Numbers of bfloat16 as products read them: kernels/bfloat16.h tells why so. */

const LEAST = 2 ** -50;
const INFINITE_FROM = 2 ** 63;

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The upper half of a float32's bits, rounded to nearest, of two to the even one; too small ones are 0, too large ones infinite. */
export function bfloat16Bits(value: number): number {
  float[0] = value;
  const size = Math.abs(float[0]);
  if (size < LEAST) return 0;
  if (Number.isNaN(size)) return 0x7fc0;
  if (size >= INFINITE_FROM) return value < 0 ? 0xff80 : 0x7f80;
  return (bits[0]! + 0x7fff + ((bits[0]! >>> 16) & 1)) >>> 16;
}

/** The number that 16 bits stand for. */
export function ofBfloat16(half: number): number {
  bits[0] = half << 16;
  return float[0]!;
}
