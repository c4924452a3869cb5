import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';

const flushBytes = 1 << 20;

/** A file that is written once, front to back, in large pieces, with its SHA-256. */
export class StoreFile {
  readonly #file: FileHandle;
  readonly #hash = createHash('sha256');
  // With an ArrayBuffer of its own, so that offsets into it are aligned for wider arrays.
  #buffer = Buffer.from(new ArrayBuffer(2 * flushBytes));
  #used = 0;
  #written = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async create(path: string): Promise<StoreFile> {
    return new StoreFile(await open(path, 'wx'));
  }

  /** Appends `bytes` bytes: `fill` writes them into the buffer from the offset it is given. */
  append(bytes: number, fill: (buffer: Buffer, at: number) => void): void {
    const needed = this.#used + bytes;
    if (needed > this.#buffer.length) {
      const larger = Buffer.from(new ArrayBuffer(2 * needed));
      this.#buffer.copy(larger, 0, 0, this.#used);
      this.#buffer = larger;
    }
    fill(this.#buffer, this.#used);
    this.#used = needed;
  }

  /** Writes what has been appended when it is worth a write; call between appends. */
  async flush(): Promise<void> {
    if (this.#used >= flushBytes) await this.#write();
  }

  /** Writes the rest and puts it on the disk. */
  async finish(): Promise<{ bytes: number; sha256: string }> {
    await this.#write();
    await this.#file.sync();
    await this.#file.close();
    return { bytes: this.#written, sha256: this.#hash.digest('hex') };
  }

  /** Closes without finishing. */
  async abandon(): Promise<void> {
    await this.#file.close();
  }

  async #write(): Promise<void> {
    const bytes = this.#buffer.subarray(0, this.#used);
    this.#hash.update(bytes);
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done);
      done += bytesWritten;
    }
    this.#written += bytes.length;
    this.#used = 0;
  }
}
