import * as nodeFs from 'node:fs/promises';
import type { RunFileSystem } from '../../src/system/disk.js';

/** What happens to one operation: it fails, or takes only half of what it was given. */
export type Fault = 'EIO' | 'ENOSPC' | 'short';

export interface Operation {
  /** From 0, counted over everything that is asked of the disk. */
  index: number;
  kind:
    'open' | 'write' | 'sync' | 'read' | 'stat' | 'close' | 'mkdir' | 'readdir' | 'rename' | 'rm';
  path: string;
}

type Hook<T> = (operation: Operation) => T;

/** A disk that fails as it is told, and tells of everything that it is asked to do. */
export class FailingDisk implements RunFileSystem {
  readonly operations: Operation[] = [];

  /**
   * @param fault decides the fate of each operation
   * @param after is called, and awaited, behind each operation that was carried out
   */
  constructor(
    private readonly fault: Hook<Fault | undefined>,
    private readonly after: Hook<Promise<void>> = () => Promise.resolve(),
  ) {}

  readonly open = (async (path: string, flags?: string) => {
    const file = await this.#carry('open', path, () => nodeFs.open(path, flags));
    const write = file.write.bind(file);
    const read = file.read.bind(file);
    const stat = file.stat.bind(file);
    const close = file.close.bind(file);
    file.write = (async (bytes: Uint8Array, offset: number, length: number, at: number) =>
      this.#carry('write', path, (fault) => {
        const taken = fault === 'short' ? Math.ceil(length / 2) : length;
        return write(bytes, offset, taken, at);
      })) as typeof file.write;
    file.read = (async (bytes: Uint8Array, offset: number, length: number, at: number) =>
      this.#carry('read', path, (fault) => {
        const given = fault === 'short' ? Math.ceil(length / 2) : length;
        return read(bytes, offset, given, at);
      })) as typeof file.read;
    // Flushing takes long, and no test cuts the power.
    file.sync = () => this.#carry('sync', path, () => Promise.resolve());
    file.stat = (() => this.#carry('stat', path, () => stat())) as typeof file.stat;
    file.close = async () => {
      // What fails to close is closed all the same.
      await close();
      await this.#carry('close', path, () => Promise.resolve());
    };
    return file;
  }) as RunFileSystem['open'];

  readonly mkdir = ((path: string, options: object) =>
    this.#carry('mkdir', path, () => nodeFs.mkdir(path, options))) as RunFileSystem['mkdir'];

  readonly readdir = ((path: string) =>
    this.#carry('readdir', path, () => nodeFs.readdir(path))) as RunFileSystem['readdir'];

  readonly rename = ((from: string, to: string) =>
    this.#carry('rename', to, () => nodeFs.rename(from, to))) as RunFileSystem['rename'];

  readonly rm = ((path: string, options: object) =>
    this.#carry('rm', path, () => nodeFs.rm(path, options))) as RunFileSystem['rm'];

  async #carry<T>(
    kind: Operation['kind'],
    path: string,
    work: (fault: Fault | undefined) => Promise<T>,
  ): Promise<T> {
    const operation: Operation = { index: this.operations.length, kind, path };
    this.operations.push(operation);
    const fault = this.fault(operation);
    if (fault === 'EIO' || fault === 'ENOSPC') {
      const message = `${fault}: injected, ${kind} '${path}'`;
      throw Object.assign(new Error(message), { code: fault, syscall: kind, path });
    }
    const result = await work(fault);
    await this.after(operation);
    return result;
  }
}
