import { UserError } from '../../errors.js';
import { namePlace } from '../formats/row-error.js';
import type { CorpusCutting, CutOutcome } from './work/cut.js';
import type { ExtentRecord } from './pieces/records.js';
import { readBadRows } from './pieces/piece.js';
import { inOrder, type PreparePool } from './pool.js';
import { type CachedSource, requireUnchanged } from './source-cache.js';
import { count, type Tally } from './work/tally.js';
import type { Extent } from '../input/extent.js';

/** The coordinator's side of the first stage: every extent that is missing is cut by the pool. */

export interface BadRowPolicy {
  readonly onBadRow: 'error' | 'skip' | 'quarantine';
  /** Over all sources; null for any number. */
  readonly maxBadRows: number | null;
}

/** A source all of which has been cut. */
export interface CutSource {
  readonly cached: CachedSource;
  /** In the order of the source's extents. */
  readonly extents: readonly ExtentRecord[];
}

/**
 * @param scratch Where pieces are written before they are complete.
 * @throws UserError for the first row, in the order of the sources, that cannot be used, and for a source that
 *   changes; DamagedPiece.
 */
export async function cutSources(
  sources: readonly CachedSource[],
  cutting: CorpusCutting,
  policy: BadRowPolicy,
  scratch: string,
  pool: PreparePool,
  tally: Tally,
): Promise<CutSource[]> {
  for (;;) {
    const work = new CorpusWork(sources, cutting, policy, scratch, pool, tally);
    try {
      return await work.run();
    } catch (error) {
      if (!(error instanceof BrokenSource)) throw error;
      await error.source.joinExtents();
    }
  }
}

class BrokenSource extends Error {
  constructor(readonly source: CachedSource) {
    super(`${source.source.path} cannot be read by extents`);
  }
}

interface ExtentTask {
  readonly source: number;
  readonly cached: CachedSource;
  readonly index: number;
  readonly extent: Extent;
}

class CorpusWork {
  readonly #cut: { cached: CachedSource; extents: ExtentRecord[]; lines: number }[];
  #badRows = 0;
  #firstBad = '';

  constructor(
    sources: readonly CachedSource[],
    private readonly cutting: CorpusCutting,
    private readonly policy: BadRowPolicy,
    private readonly scratch: string,
    private readonly pool: PreparePool,
    private readonly tally: Tally,
  ) {
    this.#cut = sources.map((cached) => ({ cached, extents: [], lines: 0 }));
  }

  async run(): Promise<CutSource[]> {
    const tasks = this.#cut.flatMap(({ cached }, source) =>
      cached.extents.map((extent, index): ExtentTask => ({ source, cached, index, extent })),
    );
    await inOrder(
      tasks,
      this.pool.workers,
      (task) => this.#cutExtent(task),
      (outcome, i) => this.#take(tasks[i]!, outcome),
    );
    return this.#cut;
  }

  async #cutExtent({ cached, index, extent }: ExtentTask): Promise<CutOutcome> {
    const { source, dir } = cached;
    const finished = await cached.readExtent(index);
    if (finished !== undefined) {
      count(this.tally, 'bytes', cached.bytesOf(extent));
      return { kind: 'cut', record: finished };
    }
    const outcome = await this.pool
      .run('cut', {
        cutting: this.cutting,
        source,
        extent,
        scratch: this.scratch,
        dir,
        name: cached.nameExtent(index),
        refusesBadRows: this.policy.onBadRow === 'error',
      })
      // Also what cannot be read may be so because the source changed.
      .finally(() => requireUnchanged(source));
    if (outcome.kind === 'cut') await cached.finishExtent(index, outcome.record);
    return outcome;
  }

  /** Takes the outcomes in the order of the rows, so that it is the first bad one that is named. */
  #take({ source, cached }: ExtentTask, outcome: CutOutcome): void {
    const done = this.#cut[source]!;
    if (outcome.kind === 'broken') throw new BrokenSource(cached);
    if (outcome.kind === 'bad') {
      const { line, isOfTarget } = outcome;
      const place = namePlace(cached.source, done.lines + line, isOfTarget);
      throw new UserError(`${place}: ${outcome.reason}`);
    }
    this.#takeBadRows(cached, outcome.record, done.lines);
    done.extents.push(outcome.record);
    done.lines += outcome.record.lines;
  }

  #takeBadRows({ source, dir }: CachedSource, record: ExtentRecord, lines: number): void {
    const { onBadRow, maxBadRows } = this.policy;
    for (const piece of record.pieces) {
      if (piece.badRows === 0) continue;
      if (this.#badRows === 0) {
        const [first] = readBadRows(dir, piece);
        const { line, reason, isOfTarget } = first!;
        this.#firstBad = `${namePlace(source, lines + line, isOfTarget)}: ${reason}`;
      }
      this.#badRows += piece.badRows;
    }
    if (this.#badRows === 0) return;
    if (onBadRow === 'error') throw new UserError(this.#firstBad);
    if (maxBadRows !== null && this.#badRows > maxBadRows) {
      throw new UserError(
        `The corpus has more than ${maxBadRows} bad rows (data.maxBadRows); the first is ${this.#firstBad}`,
      );
    }
  }
}
