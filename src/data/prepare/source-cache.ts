import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Extent } from '../extents.js';
import { hash, type PlannedSource } from '../plan.js';
import { missingAsUndefined, readJson, removeLeftovers, writeJson } from './leftovers.js';
import {
  type ExtentRecord,
  extentRecordSchema,
  type SourceRecord,
  sourceRecordSchema,
} from './records.js';
import type { Survey } from './survey.js';

/**
 * What has been cut of a source, kept from one preparation to the next: a directory for each source
 * with `source.json` and, for each extent that is finished, a record and its pieces.
 */

const sourceRecordName = 'source.json';

/** Looks at a source's content, as far as it is asked for. */
export interface Surveyor {
  survey(source: PlannedSource): Promise<Survey>;
  hash(source: PlannedSource): Promise<string>;
}

export class CachedSource {
  private constructor(
    readonly source: PlannedSource,
    readonly dir: string,
    private record: SourceRecord,
  ) {}

  /**
   * Opens what is kept of a source; begins anew where its content is another one. A fresh clone or
   * a copy has new times: the content decides.
   *
   * @param dir Of all sources that are cut the same way.
   */
  static async open(dir: string, source: PlannedSource, surveyor: Surveyor): Promise<CachedSource> {
    const { path, format, compression, stamp } = source;
    const own = join(dir, hash([path, format, compression]).slice(0, 16));
    await mkdir(own, { recursive: true });
    await removeLeftovers(own);
    const known = await readJson(join(own, sourceRecordName), sourceRecordSchema);
    if (known?.bytes === stamp.bytes) {
      const cached = new CachedSource(source, own, known);
      if (known.modified === stamp.modified) return cached;
      if (known.sha256 === (await surveyor.hash(source))) {
        await cached.#write({ ...known, ...stamp });
        return cached;
      }
    }
    await rm(own, { recursive: true });
    await mkdir(own);
    const cached = new CachedSource(source, own, { path, ...stamp, sha256: '', extents: [] });
    await cached.#write({ path, ...stamp, ...(await surveyor.survey(source)) });
    return cached;
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
    return last === 0 ? 0 : Math.round((this.record.bytes * (end - start)) / last);
  }

  /** What the files of an extent are called, but for what follows. */
  nameExtent(index: number): string {
    return `extent-${String(index).padStart(6, '0')}`;
  }

  /** The record of a finished extent; undefined where there is none, or not all of its pieces. */
  async readExtent(index: number): Promise<ExtentRecord | undefined> {
    const path = join(this.dir, `${this.nameExtent(index)}.json`);
    const record = await readJson(path, extentRecordSchema);
    for (const { file, bytes } of record?.pieces ?? []) {
      const found = await stat(join(this.dir, file)).catch(missingAsUndefined);
      if (found?.size !== bytes) return undefined;
    }
    return record;
  }

  /** Says that an extent is finished; its pieces are on disk. */
  async finishExtent(index: number, record: ExtentRecord): Promise<void> {
    await writeJson(join(this.dir, `${this.nameExtent(index)}.json`), record);
  }

  /** Begins anew with the whole source as one extent. */
  async joinExtents(): Promise<void> {
    const { record } = this;
    await rm(this.dir, { recursive: true });
    await mkdir(this.dir);
    await this.#write({ ...record, extents: [{ start: 0, end: this.extents.at(-1)!.end }] });
  }

  async #write(record: SourceRecord): Promise<void> {
    this.record = record;
    await writeJson(join(this.dir, sourceRecordName), record);
  }
}

/** Removes what is kept of files that are not there any more. */
export async function removeGone(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    const record = await readJson(join(dir, name, sourceRecordName), sourceRecordSchema);
    if (record === undefined) continue;
    if ((await stat(record.path).catch(missingAsUndefined)) !== undefined) continue;
    await rm(join(dir, name), { recursive: true, force: true });
  }
}
