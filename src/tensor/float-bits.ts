/** Numbers among integers: where a word of 32 bits is a class's id or a float32, as the loss has it. */

const floats = new Float32Array(1);
const words = new Int32Array(floats.buffer);

/** The bits of a number that is rounded to float32, as an int32. */
export function bitsOfFloat(value: number): number {
  floats[0] = value;
  return words[0]!;
}

export function floatOfBits(word: number): number {
  words[0] = word;
  return floats[0]!;
}

/** The same memory as float32. */
export function asFloats({ buffer, byteOffset, length }: Int32Array): Float32Array {
  return new Float32Array(buffer, byteOffset, length);
}
