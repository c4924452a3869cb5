import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Hears the lines of a file. */
export interface LineListener {
  /** @param offset of its first byte in the file; the bytes are only valid during the call */
  onLine(line: Buffer, offset: number): void;
  /** A line that is too long to be one of ours. */
  onLongLine(): void;
  /** The file has been cut off, emptied or replaced: it is read anew from its beginning. */
  onReset(): void;
}

/** Longer lines are passed over. */
const LONGEST_LINE = 4 << 20;
const CHUNK = 1 << 16;
/** So many bytes before the place where reading goes on must be what they were: lines hold times, and do not repeat. */
const REMEMBERED = 256;

/**
 * Reads a file that others add lines to: whole lines only, each once. Whoever resumes a run cuts its log off first, maybe to write on
 * beyond the old end before we look again: it is known by the bytes before the place where we left off.
 */
export class LineTail {
  /** Where the first line begins that has not been read yet. */
  #offset = 0;
  #size = 0;
  #identity: string | undefined;
  /** The last bytes before `offset`. */
  #remembered = Buffer.alloc(0);
  #chunk = Buffer.allocUnsafe(CHUNK);
  /** Whether what lies at `offset` is the rest of a line that is passed over. */
  #isInLongLine = false;

  constructor(
    private readonly path: string,
    private readonly listener: LineListener,
  ) {}

  /** Bytes that have been read, and that the file had when it was last looked at. */
  get progress(): { read: number; size: number } {
    return { read: this.#offset, size: this.#size };
  }

  /**
   * Reads on, but no more than some `maxBytes`.
   *
   * @returns whether there is more
   */
  poll(maxBytes: number): boolean {
    let descriptor: number;
    try {
      descriptor = openSync(this.path, 'r');
    } catch {
      // Not there, or not for us: as an empty one.
      this.#expectSame(undefined, 0);
      return false;
    }
    try {
      const { dev, ino, size } = fstatSync(descriptor);
      const isSame = this.#expectSame(`${dev} ${ino}`, size) && this.#remembers(descriptor);
      if (!isSame) this.#startAnew();
      this.#size = size;
      return this.#read(descriptor, maxBytes);
    } catch {
      // A directory by this name, a disk that fails: nothing to read for now.
      return false;
    } finally {
      closeSync(descriptor);
    }
  }

  /** Begins again, to tell a listener all lines once more. */
  rewind(): void {
    this.#startAnew();
  }

  #expectSame(identity: string | undefined, size: number): boolean {
    const isSame = (this.#identity ?? identity) === identity && size >= this.#offset;
    if (!isSame) this.#startAnew();
    this.#identity = identity;
    if (identity === undefined) this.#size = 0;
    return isSame;
  }

  #startAnew(): void {
    const hadRead = this.#offset > 0;
    this.#offset = 0;
    this.#remembered = Buffer.alloc(0);
    this.#isInLongLine = false;
    if (hadRead) this.listener.onReset();
  }

  #remembers(descriptor: number): boolean {
    const { length } = this.#remembered;
    if (length === 0) return true;
    const now = Buffer.allocUnsafe(length);
    const read = readSync(descriptor, now, 0, length, this.#offset - length);
    return read === length && now.equals(this.#remembered);
  }

  #read(descriptor: number, maxBytes: number): boolean {
    for (let total = 0; total < maxBytes;) {
      const chunk = this.#chunk;
      const read = readSync(descriptor, chunk, 0, chunk.length, this.#offset);
      const used = this.#takeLines(chunk.subarray(0, read));
      total += read;
      if (used === 0) {
        // A torn line at the end of the file; or one that goes on beyond the chunk.
        if (read < chunk.length) return false;
        this.#makeRoom();
      } else if (read < chunk.length) {
        return false;
      }
    }
    return this.#offset < this.#size;
  }

  /** @returns bytes of the lines that end within the chunk */
  #takeLines(chunk: Buffer): number {
    const start = this.#offset;
    let begin = 0;
    for (let end; (end = chunk.indexOf(0x0a, begin)) !== -1; begin = end + 1) {
      if (this.#isInLongLine) this.#isInLongLine = false;
      else if (end > begin) this.listener.onLine(chunk.subarray(begin, end), start + begin);
    }
    if (this.#isInLongLine) begin = chunk.length;
    this.#advance(chunk.subarray(0, begin));
    return begin;
  }

  #advance(bytes: Buffer): void {
    this.#offset += bytes.length;
    const all = bytes.length >= REMEMBERED ? bytes : Buffer.concat([this.#remembered, bytes]);
    this.#remembered = Buffer.from(all.subarray(-REMEMBERED));
  }

  #makeRoom(): void {
    if (this.#chunk.length < LONGEST_LINE) {
      this.#chunk = Buffer.allocUnsafe(this.#chunk.length * 4);
      return;
    }
    this.listener.onLongLine();
    this.#isInLongLine = true;
    this.#chunk = Buffer.allocUnsafe(CHUNK);
  }
}
