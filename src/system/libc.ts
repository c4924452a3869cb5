import { closeSync, openSync, readSync } from 'node:fs';

/** Segment of a program that names what loads it (ELF's PT_INTERP). */
const INTERPRETER = 3;
/** Of ELF with 64-bit little-endian numbers: the size of the header before everything. */
const HEADER_BYTES = 64;

/**
 * The C library that a program for Linux was linked with, by the dynamic loader that it names: code that is loaded into it has
 * to be for the same. That the system has another one beside says nothing.
 *
 * @returns undefined where this cannot be told: the program cannot be read, is for another system, or loads nothing
 */
export function libcOf(program: string): 'glibc' | 'musl' | undefined {
  let file: number;
  try {
    file = openSync(program, 'r');
  } catch {
    // Whoever may run a program may not always read it.
    return undefined;
  }
  try {
    const read = (offset: number, bytes: number): Buffer => {
      const buffer = Buffer.alloc(bytes);
      readSync(file, buffer, 0, bytes, offset);
      return buffer;
    };
    const header = read(0, HEADER_BYTES);
    if (header.toString('latin1', 0, 6) !== '\x7fELF\x02\x01') return undefined;
    const [offset, bytes, count] = [
      Number(header.readBigUInt64LE(32)),
      header.readUInt16LE(54),
      header.readUInt16LE(56),
    ];
    for (let index = 0; index < count; index++) {
      const segment = read(offset + index * bytes, bytes);
      if (segment.readUInt32LE(0) !== INTERPRETER) continue;
      const place = Number(segment.readBigUInt64LE(8));
      const loader = read(place, Number(segment.readBigUInt64LE(32))).toString('latin1');
      return loader.includes('/ld-musl-') ? 'musl' : 'glibc';
    }
    return undefined;
  } finally {
    closeSync(file);
  }
}
