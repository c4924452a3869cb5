import {
  type CodeTable,
  DamagedBlock,
  decodeCodes,
  findMark,
  peekBits,
  readCodeTable,
  type StateTable,
} from './zstd-entropy.js';
import {
  chooseOffset,
  chooseTable,
  type Codes,
  literalBase,
  literalBits,
  literalCodes,
  matchBase,
  matchBits,
  matchCodes,
  offsetCodes,
} from './zstd-sequences.js';

/** The compressed blocks of a Zstandard frame (RFC 8878, section 3.1.1.3). */

export const largestBlock = 2 ** 17;

/** So many bytes may be looked at before and behind a block, and count for nothing. */
const padding = 16;
/** Behind the window there is room for so much before it is moved to the front. */
const mostRoom = 2 ** 24;

/** What a frame's blocks have in common: what came before, and tables that may be used again. */
export class BlockDecoder {
  /** The window, and behind it what has been added since it was moved. */
  #out = new Uint8Array(2 * largestBlock);
  #outEnd = 0;
  readonly #block = new Uint8Array(largestBlock + 2 * padding);
  readonly #blockView = new DataView(this.#block.buffer);
  readonly #literals = new Uint8Array(largestBlock);
  #codes: CodeTable | undefined;
  #tables: { literal: StateTable; offset: StateTable; match: StateTable } | undefined;
  readonly #repeats = Int32Array.of(1, 4, 8);

  /**
   * @param window How far matches may reach back.
   * @param largest Bytes of a block when decompressed.
   */
  constructor(
    readonly window: number,
    readonly largest: number,
  ) {}

  /** @throws DamagedBlock */
  addRaw(bytes: Uint8Array): Uint8Array {
    this.#makeRoom();
    this.#out.set(bytes, this.#outEnd);
    return this.#finish(bytes.length);
  }

  /** @throws DamagedBlock */
  addRepeated(byte: number, length: number): Uint8Array {
    this.#makeRoom();
    this.#out.fill(byte, this.#outEnd, this.#outEnd + length);
    return this.#finish(length);
  }

  /** @throws DamagedBlock */
  addCompressed(bytes: Uint8Array): Uint8Array {
    if (bytes.length < 2) throw new DamagedBlock('it is too short');
    this.#makeRoom();
    const end = padding + bytes.length;
    this.#block.set(bytes, padding);
    this.#block.fill(0, end, end + padding);
    const literals = this.#readLiterals(padding, end);
    return this.#finish(this.#decodeSequences(literals.at, end, literals.length));
  }

  #finish(length: number): Uint8Array {
    const start = this.#outEnd;
    this.#outEnd += length;
    // A copy: the window moves.
    return this.#out.slice(start, this.#outEnd);
  }

  /** There is always room for a block behind the window. */
  #makeRoom(): void {
    const needed = this.#outEnd + largestBlock;
    if (needed <= this.#out.length) return;
    const most = this.window + Math.min(this.window, mostRoom) + largestBlock;
    if (this.#out.length < most) {
      const larger = new Uint8Array(Math.max(needed, Math.min(most, 2 * this.#out.length)));
      larger.set(this.#out.subarray(0, this.#outEnd));
      this.#out = larger;
    } else {
      this.#out.copyWithin(0, this.#outEnd - this.window, this.#outEnd);
      this.#outEnd = this.window;
    }
  }

  /** @returns How many literals there are, and where the sequences begin. */
  #readLiterals(start: number, end: number): { length: number; at: number } {
    const block = this.#block;
    const word = this.#blockView.getUint32(start, true);
    const kind = word & 3;
    const form = (word >> 2) & 3;
    if (kind < 2) {
      const headerLength = form === 1 ? 2 : form === 3 ? 3 : 1;
      const length = (word & (2 ** (8 * headerLength) - 1)) >> (form % 2 === 0 ? 3 : 4);
      return this.#readPlain(kind, start + headerLength, length, end);
    }
    const width = form < 2 ? 10 : form === 2 ? 14 : 18;
    const both = Math.floor((word + block[start + 4]! * 2 ** 32) / 16);
    const length = both % 2 ** width;
    let from = start + (form < 2 ? 3 : form + 2);
    const at = from + (Math.floor(both / 2 ** width) % 2 ** width);
    if (length > this.largest || at > end || (form > 0 && length < 6)) {
      throw new DamagedBlock('it has an impossible number of literals');
    }
    if (kind === 2) ({ table: this.#codes, end: from } = readCodeTable(block, from, at));
    if (this.#codes === undefined) throw new DamagedBlock('it has no table of codes');
    const into = this.#literals.subarray(0, length);
    if (form === 0) decodeCodes(this.#codes, block, from, at, into);
    else decodeFour(this.#codes, block, from, at, into);
    return { length, at };
  }

  /** Literals as they are, or one that is repeated. */
  #readPlain(
    kind: number,
    from: number,
    length: number,
    end: number,
  ): { length: number; at: number } {
    const at = from + (kind === 0 ? length : 1);
    if (length > this.largest || at > end) {
      throw new DamagedBlock('it has an impossible number of literals');
    }
    if (kind === 0) this.#literals.set(this.#block.subarray(from, at));
    else this.#literals.fill(this.#block[from]!, 0, length);
    return { length, at };
  }

  /** @returns The length of the block when decompressed. */
  #decodeSequences(start: number, end: number, literalsLength: number): number {
    const block = this.#block;
    let at = start;
    let count = block[at++]!;
    if (count === 255) {
      count = block[at]! + (block[at + 1]! << 8) + 0x7f00;
      at += 2;
    } else if (count > 127) {
      count = ((count - 128) << 8) + block[at++]!;
    }
    if (count === 0) {
      if (at !== end) throw new DamagedBlock('it has bytes behind its end');
      this.#out.set(this.#literals.subarray(0, literalsLength), this.#outEnd);
      return literalsLength;
    }
    const modes = block[at++]!;
    if (at > end || (modes & 3) !== 0) throw new DamagedBlock('it has no sequences');
    const before = this.#tables;
    const readTable = (mode: number, codes: Codes, former?: StateTable): StateTable => {
      const read = chooseTable(mode, codes, former, block, at, end);
      at = read.end;
      return read.table;
    };
    const literal = readTable(modes >> 6, literalCodes, before?.literal);
    const offset = readTable((modes >> 4) & 3, offsetCodes, before?.offset);
    const match = readTable((modes >> 2) & 3, matchCodes, before?.match);
    this.#tables = { literal, offset, match };
    return this.#runSequences(at, end, count, literalsLength);
  }

  #runSequences(start: number, end: number, count: number, literalsLength: number): number {
    const block = this.#block;
    const view = this.#blockView;
    const out = this.#out;
    const literals = this.#literals;
    const { literal, offset, match } = this.#tables!;
    const repeats = this.#repeats;
    const stop = 8 * start;
    const outStart = this.#outEnd;
    const outMost = outStart + this.largest;
    let bit = findMark(block, start, end);
    let literalState = peekBits(view, (bit -= literal.log), literal.log);
    let offsetState = peekBits(view, (bit -= offset.log), offset.log);
    let matchState = peekBits(view, (bit -= match.log), match.log);
    let taken = 0;
    let at = outStart;
    for (let left = count; left > 0; left--) {
      const offsetCell = offset.cells[offsetState]!;
      const matchCell = match.cells[matchState]!;
      const literalCell = literal.cells[literalState]!;
      const offsetCode = offsetCell & 0xff;
      bit -= offsetCode;
      // The largest have more bits than one look at the bytes gives.
      const value =
        offsetCode <= 24
          ? (1 << offsetCode) + peekBits(view, bit, offsetCode)
          : 2 ** offsetCode +
            peekBits(view, bit + 16, offsetCode - 16) * 2 ** 16 +
            peekBits(view, bit, 16);
      const matchExtra = matchBits[matchCell & 0xff]!;
      bit -= matchExtra;
      const matchLength = matchBase[matchCell & 0xff]! + peekBits(view, bit, matchExtra);
      const literalExtra = literalBits[literalCell & 0xff]!;
      bit -= literalExtra;
      const literalLength = literalBase[literalCell & 0xff]! + peekBits(view, bit, literalExtra);
      if (left > 1) {
        const literalNext = (literalCell >>> 8) & 0xff;
        bit -= literalNext;
        literalState = (literalCell >>> 16) + peekBits(view, bit, literalNext);
        const matchNext = (matchCell >>> 8) & 0xff;
        bit -= matchNext;
        matchState = (matchCell >>> 16) + peekBits(view, bit, matchNext);
        const offsetNext = (offsetCell >>> 8) & 0xff;
        bit -= offsetNext;
        offsetState = (offsetCell >>> 16) + peekBits(view, bit, offsetNext);
      }
      if (bit < stop) throw new DamagedBlock('its sequences are cut off');
      const distance = chooseOffset(repeats, value, literalLength === 0);
      if (taken + literalLength > literalsLength) {
        throw new DamagedBlock('it has too few literals');
      }
      if (at + literalLength + matchLength > outMost) throw new DamagedBlock('it is too long');
      for (let i = 0; i < literalLength; i++) out[at++] = literals[taken++]!;
      if (distance > at || distance > this.window) {
        throw new DamagedBlock('it repeats what was not there');
      }
      for (let i = 0; i < matchLength; i++, at++) out[at] = out[at - distance]!;
    }
    if (bit !== stop) throw new DamagedBlock('its sequences are damaged');
    const rest = literals.subarray(taken, literalsLength);
    if (at + rest.length > outMost) throw new DamagedBlock('it is too long');
    out.set(rest, at);
    return at + rest.length - outStart;
  }
}

function decodeFour(
  codes: CodeTable,
  block: Uint8Array,
  start: number,
  end: number,
  into: Uint8Array,
): void {
  const step = (into.length + 3) >> 2;
  let from = start + 6;
  for (let i = 0; i < 4; i++) {
    const size = block[start + 2 * i]! + (block[start + 2 * i + 1]! << 8);
    const to = i === 3 ? end : from + size;
    if (to > end || i * step > into.length) throw new DamagedBlock('its literals are cut off');
    decodeCodes(codes, block, from, to, into.subarray(i * step, (i + 1) * step));
    from = to;
  }
}
