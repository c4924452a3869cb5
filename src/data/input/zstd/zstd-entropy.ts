/**
 * The codes of Zstandard (RFC 8878, section 4): tables of finite state entropy and of Huffman's
 * codes, read from a block. All that a table must be is checked, as the `zstd` program does.
 */

/** Bytes are no block of a frame. */
export class DamagedBlock extends Error {
  override name = 'DamagedBlock';
}

/** From a state to its symbol, and by so many bits to the next state. */
export interface StateTable {
  readonly log: number;
  /** Symbol, bits × 2^8, the lowest of the next states × 2^16. [2 ** log] */
  readonly cells: Uint32Array;
}

/** From the next `log` bits to a symbol and the length of its code: symbol × 16 + length. */
export interface CodeTable {
  readonly log: number;
  readonly cells: Uint16Array;
}

export function highestBit(value: number): number {
  return 31 - Math.clz32(value);
}

/**
 * Reads a table of states that begins at `start` and ends before `end`.
 *
 * @returns Also where it ends.
 */
export function readStateTable(
  bytes: Uint8Array,
  start: number,
  end: number,
  limits: { readonly log: number; readonly symbols: number },
): { table: StateTable; end: number } {
  // Bits beyond the bytes are zeros, which the check of the end tells.
  const byteAt = (at: number): number => (at < end ? bytes[at]! : 0);
  let bit = 8 * start;
  const peek = (): number => {
    const at = bit >> 3;
    return (byteAt(at) | (byteAt(at + 1) << 8) | (byteAt(at + 2) << 16)) >>> (bit & 7);
  };
  const log = (peek() & 15) + 5;
  bit += 4;
  if (log > limits.log) throw new DamagedBlock('a table is too large');
  const counts: number[] = [];
  // One more than what is left, as the encoding counts.
  let left = (1 << log) + 1;
  while (left > 1 && counts.length < limits.symbols) {
    // Of the values from 0 to `left`, the smaller ones take a bit less.
    const width = highestBit(left) + 1;
    const short = 2 ** width - 1 - left;
    const value = peek();
    let count = value & (2 ** (width - 1) - 1);
    if (count < short) {
      bit += width - 1;
    } else {
      count = value & (2 ** width - 1);
      if (count >= 2 ** (width - 1)) count -= short;
      bit += width;
    }
    // One stands for a share below one.
    count -= 1;
    left -= Math.abs(count);
    counts.push(count);
    for (let repeat = count === 0 ? 3 : 0; repeat === 3;) {
      repeat = peek() & 3;
      bit += 2;
      if (counts.length + repeat > limits.symbols) throw new DamagedBlock('a table is too long');
      for (let i = 0; i < repeat; i++) counts.push(0);
    }
  }
  if (left !== 1 || bit > 8 * end) throw new DamagedBlock('a table is damaged');
  return { table: buildStateTable(counts, log), end: (bit + 7) >> 3 };
}

/** @param counts Of the table's cells, for each symbol; −1 for a share below one. */
export function buildStateTable(counts: readonly number[], log: number): StateTable {
  const size = 1 << log;
  const cells = new Uint32Array(size);
  let top = size - 1;
  counts.forEach((count, symbol) => {
    if (count === -1) cells[top--] = symbol;
  });
  let at = 0;
  counts.forEach((count, symbol) => {
    for (let i = 0; i < count; i++) {
      cells[at] = symbol;
      do at = (at + (size >> 1) + (size >> 3) + 3) & (size - 1);
      while (at > top);
    }
  });
  if (at !== 0) throw new DamagedBlock('a table is damaged');
  const seen = counts.map(Math.abs);
  for (let state = 0; state < size; state++) {
    const symbol = cells[state]!;
    const turn = seen[symbol]!++;
    const bits = log - highestBit(turn);
    cells[state] = symbol | (bits << 8) | (((turn << bits) - size) << 16);
  }
  return { log, cells };
}

/** A table of one state, which takes no bits. */
export function constantTable(symbol: number): StateTable {
  return { log: 0, cells: Uint32Array.of(symbol) };
}

/** Where reading backwards begins: in bits, below the mark that ends a stream of bits. */
export function findMark(bytes: Uint8Array, start: number, end: number): number {
  const last = end > start ? bytes[end - 1]! : 0;
  if (last === 0) throw new DamagedBlock('a stream of bits has no end');
  return 8 * (end - 1) + highestBit(last);
}

/** Up to 25 bits from `bit`, the lowest first; four bytes must be there. */
export function peekBits(bytes: DataView, bit: number, count: number): number {
  return (bytes.getInt32(bit >> 3, true) >>> (bit & 7)) & ((1 << count) - 1);
}

const longestCode = 12;
const mostSymbols = 256;

/** Reads a table of Huffman's codes. @returns Also where it ends. */
export function readCodeTable(
  bytes: Uint8Array,
  start: number,
  end: number,
): { table: CodeTable; end: number } {
  if (start >= end) throw new DamagedBlock('a table is cut off');
  const header = bytes[start]!;
  const weights: number[] = [];
  const isPlain = header >= 128;
  const tableEnd = start + 1 + (isPlain ? (header - 126) >> 1 : header);
  if (tableEnd > end) throw new DamagedBlock('a table is cut off');
  if (isPlain) {
    for (let i = 0; i < header - 127; i++) {
      const pair = bytes[start + 1 + (i >> 1)]!;
      weights.push(i % 2 === 0 ? pair >> 4 : pair & 15);
    }
  } else {
    readWeights(bytes, start + 1, tableEnd, weights);
  }
  return { table: buildCodeTable(weights), end: tableEnd };
}

/** Weights come from two states in turn, until the bits end. */
function readWeights(bytes: Uint8Array, start: number, end: number, weights: number[]): void {
  const limits = { log: 6, symbols: mostSymbols };
  const { table, end: first } = readStateTable(bytes, start, end, limits);
  const stop = 8 * first;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  let bit = findMark(bytes, first, end);
  const take = (count: number): number => {
    bit -= count;
    return bit < stop ? 0 : peekBits(view, bit, count);
  };
  let state = take(table.log);
  let other = take(table.log);
  if (bit < stop) throw new DamagedBlock('a table is cut off');
  for (;;) {
    if (weights.length > mostSymbols - 3) throw new DamagedBlock('a table has too many codes');
    const cell = table.cells[state]!;
    weights.push(cell & 0xff);
    const following = (cell >>> 16) + take((cell >>> 8) & 0xff);
    state = other;
    other = following;
    if (bit < stop) break;
  }
  weights.push(table.cells[state]! & 0xff);
}

/** @param weights Of all symbols but the last, whose weight fills the table. */
function buildCodeTable(weights: number[]): CodeTable {
  if (weights.length >= mostSymbols) throw new DamagedBlock('a table has too many codes');
  let sum = 0;
  for (const weight of weights) {
    if (weight > longestCode) throw new DamagedBlock('a table has a code that is too long');
    sum += (1 << weight) >> 1;
  }
  const log = highestBit(sum) + 1;
  const rest = (1 << log) - sum;
  if (sum === 0 || log > longestCode || (rest & (rest - 1)) !== 0) {
    throw new DamagedBlock('a table of codes is damaged');
  }
  const all = [...weights, highestBit(rest) + 1];
  const longest = all.filter((weight) => weight === 1).length;
  if (longest < 2 || longest % 2 !== 0) throw new DamagedBlock('a table of codes is damaged');
  const cells = new Uint16Array(1 << log);
  let at = 0;
  for (let weight = 1; weight <= log; weight++) {
    for (let symbol = 0; symbol < all.length; symbol++) {
      if (all[symbol] !== weight) continue;
      const length = 1 << (weight - 1);
      cells.fill(symbol * 16 + log + 1 - weight, at, at + length);
      at += length;
    }
  }
  return { log, cells };
}

/**
 * Decodes a stream of Huffman's codes, which must end where `into` is full; there must be some bytes
 * before and behind it.
 */
export function decodeCodes(
  { log, cells }: CodeTable,
  bytes: Uint8Array,
  start: number,
  end: number,
  into: Uint8Array,
): void {
  const stop = 8 * start;
  const mask = (1 << log) - 1;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  let bit = findMark(bytes, start, end);
  let i = 0;
  // Two codes for each look at the bytes; they are at most 24 bits.
  for (; i + 1 < into.length && bit - 24 >= stop; i += 2) {
    const word = peekBits(view, bit - 24, 24);
    const first = cells[(word >>> (24 - log)) & mask]!;
    const second = cells[(word >>> (24 - (first & 15) - log)) & mask]!;
    into[i] = first >> 4;
    into[i + 1] = second >> 4;
    bit -= (first & 15) + (second & 15);
  }
  for (; i < into.length; i++) {
    // What lies before the stream's start does not decide which code it is, if there is a whole one.
    const cell = cells[peekBits(view, bit - log, log)]!;
    into[i] = cell >> 4;
    bit -= cell & 15;
    if (bit < stop) break;
  }
  if (bit !== stop || i < into.length) throw new DamagedBlock('a stream of codes is damaged');
}
