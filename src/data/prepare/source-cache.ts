import { readdir, rename, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { UserError } from '../../errors.js';
import { errorCode } from '../../system/error-code.js';
import {
  makeDirectory,
  unmakeDirectories,
  type MadeDirectory,
} from '../../system/make-directory.js';
import { hash } from './plan.js';
import type { PlannedSource } from './plan-sources.js';
import { missingAsUndefined, readSealed, writeSealed } from '../store/sealed-json.js';
import {
  changedFile,
  type FileStamp,
  sameStamp,
  type Source,
  stampSource,
} from '../input/sources.js';
import { recordName } from './pieces/damaged-piece.js';
import {
  type ContentRecord,
  contentRecordSchema,
  type ExtentRecord,
  extentRecordSchema,
  placeRecordSchema,
} from './pieces/records.js';
import type { Survey } from './work/survey.js';
import { type Extent, sameExtent } from '../input/extent.js';

/**
 * What has been cut of a source, kept from one preparation to the next. It belongs to a content, whatever files have
 * it: a directory with `content.json` and, for each extent that is finished, a record and its pieces. Beside these
 * directories there is a record for each file, of its content when it was read last.
 *
 * Processes that cut the same content at once write the same files, each under its name in one go. Nobody waits, and
 * what one removes another cuts again.
 */

const contentRecordName = 'content.json';

export interface Surveyor {
  /** @throws UserError when the source is not what it was when it was planned. */
  survey(source: PlannedSource): Promise<Survey>;
}

export class CachedSource {
  private constructor(
    readonly source: PlannedSource,
    readonly dir: string,
    private readonly place: string,
    private record: ContentRecord,
  ) {}

  /**
   * Opens what is kept of a source's content, which is read if it may be another one than it was. A fresh
   * clone or a copy has new times and the same content.
   *
   * @param dir Of all sources that are cut the same way.
   */
  static async open(dir: string, source: PlannedSource, surveyor: Surveyor): Promise<CachedSource> {
    const { format, compression, stamp, target } = source;
    const path = resolve(source.path);
    // Of a pair both files: the other one's format is known, but not how it is compressed.
    const kind = [format, compression, ...(target ? ['pair', target.compression] : [])];
    const others = target ? [resolve(target.path)] : [];
    const place = join(dir, `${hash([path, ...others, ...kind]).slice(0, 16)}.json`);
    const dirOf = (sha256: string): string => join(dir, hash([sha256, ...kind]).slice(0, 16));
    const known = await readSealed(place, placeRecordSchema);
    if (known !== undefined && sameStamp(known, stamp)) {
      const content = await readContent(dirOf(known.sha256), known.sha256);
      if (content !== undefined) {
        return new CachedSource(source, dirOf(known.sha256), place, content);
      }
    }
    const { sha256, extents } = await surveyor.survey(source);
    await writeSealed(place, { path, asked: process.cwd(), ...stamp, sha256 });
    const own = dirOf(sha256);
    let content = await readContent(own, sha256);
    if (content === undefined) {
      content = { sha256, extents };
      await writeSealed(join(own, contentRecordName), content);
    }
    return new CachedSource(source, own, place, content);
  }

  get extents(): readonly Extent[] {
    return this.record.extents;
  }

  get sha256(): string {
    return this.record.sha256;
  }

  /** Bytes of the file that an extent stands for; extents of a Parquet file count row groups. */
  bytesOf({ start, end }: Extent): number {
    const last = this.extents.at(-1)!.end;
    return last === 0 ? 0 : Math.round((this.source.stamp.bytes * (end - start)) / last);
  }

  /** What the files of an extent are called, but for what follows. */
  nameExtent(index: number): string {
    return `extent-${String(index).padStart(6, '0')}`;
  }

  /** The record of a finished extent; undefined where there is none, or not all of its pieces. */
  async readExtent(index: number): Promise<ExtentRecord | undefined> {
    const path = join(this.dir, recordName(this.nameExtent(index)));
    const record = await readSealed(path, extentRecordSchema);
    const extent = this.extents[index]!;
    if (record === undefined || !sameExtent(record.extent, extent)) return undefined;
    for (const { file, bytes } of record.pieces) {
      const found = await stat(join(this.dir, file)).catch(missingAsUndefined);
      if (found?.size !== bytes) return undefined;
    }
    return record;
  }

  /** Says that an extent is finished; its pieces are on disk. */
  async finishExtent(index: number, record: ExtentRecord): Promise<void> {
    await writeSealed(join(this.dir, recordName(this.nameExtent(index))), record);
  }

  /** Removes what is kept of the source, unless that spares the next preparation some work. */
  async removeUnlessUseful(): Promise<void> {
    for (const index of this.extents.keys()) {
      if (((await this.readExtent(index))?.rows ?? 0) > 0) return;
    }
    await rm(this.dir, { recursive: true, force: true });
    await rm(this.place, { force: true });
  }

  /** Begins anew with the whole source as one extent. */
  async joinExtents(): Promise<void> {
    const { end, target } = this.extents.at(-1)!;
    const extents = [{ start: 0, end, ...(target && { target: { start: 0, end: target.end } }) }];
    this.record = { ...this.record, extents };
    await writeSealed(join(this.dir, contentRecordName), this.record);
    for (const name of await readdir(this.dir)) {
      if (name !== contentRecordName) await rm(join(this.dir, name), { force: true });
    }
  }
}

/** What a preparation opens of it, until it is known what becomes of that. */
export class SourceCache {
  readonly #opened: CachedSource[] = [];
  readonly #made: MadeDirectory[] = [];

  async make(dir: string): Promise<void> {
    this.#made.push(...(await makeDirectory(dir)));
  }

  async open(dir: string, source: PlannedSource, surveyor: Surveyor): Promise<CachedSource> {
    const cached = await CachedSource.open(dir, source, surveyor);
    this.#opened.push(cached);
    return cached;
  }

  /** After a refusal: nothing stays behind that nobody will use. */
  async giveUp(): Promise<void> {
    try {
      for (const cached of this.#opened) await cached.removeUnlessUseful();
    } catch (error) {
      // The refusal is what is told; what this disk keeps is in nobody's way.
      if (errorCode(error) === '') throw error;
    }
    unmakeDirectories(this.#made);
  }
}

async function readContent(dir: string, sha256: string): Promise<ContentRecord | undefined> {
  const content = await readSealed(join(dir, contentRecordName), contentRecordSchema);
  return content?.sha256 === sha256 ? content : undefined;
}

/** @throws UserError when a source is not what it was when it was planned. */
export async function requireUnchanged(source: Source & { stamp: FileStamp }): Promise<void> {
  const stamp = await stampSource(source).catch(missingAsUndefined);
  if (stamp !== undefined && sameStamp(stamp, source.stamp)) return;
  const file = changedFile(source, source.stamp, stamp);
  throw new UserError(`${file} changed while it was read: start again when it is complete.`);
}

/**
 * Removes what is kept of files that are gone, and contents that no file has any more. What is said of files is
 * heeded where this process stands in the same directory: elsewhere, in another container, they may be there.
 *
 * @param scratch Where things go that are removed: they are gone for all at the same time.
 */
export async function removeGone(dir: string, scratch: string): Promise<void> {
  const names = await readdir(dir);
  const wanted = new Set<string>();
  for (const name of names.filter((each) => each.endsWith('.json'))) {
    const path = join(dir, name);
    const place = await readSealed(path, placeRecordSchema);
    const isHere = place?.asked === process.cwd();
    if (isHere && (await stat(place.path).catch(missingAsUndefined)) === undefined) {
      await rm(path, { force: true });
    } else if (place !== undefined) wanted.add(place.sha256);
  }
  for (const name of names.filter((each) => !each.includes('.'))) {
    const content = await readSealed(join(dir, name, contentRecordName), contentRecordSchema);
    if (content === undefined || wanted.has(content.sha256)) continue;
    await rename(join(dir, name), join(scratch, `gone-${name}`)).catch(missingAsUndefined);
  }
}
