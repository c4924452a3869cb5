import type { BadRow, Example } from '../../data/formats/examples.js';
import { nameSource } from '../../data/input/sources.js';
import { counted } from '../../system/counted.js';

/** Counts rows that cannot be used. */
export class BadRows {
  #count = 0;
  #first = '';

  /** @param lacked what such a row is without */
  constructor(private readonly lacked = 'a prediction') {}

  add(row: BadRow): void {
    this.#count += 1;
    if (this.#count === 1) this.#first = `${namePlace(row)}: ${row.reason}`;
  }

  /** A sentence, where there are some. */
  describe(): string[] {
    if (this.#count === 0) return [];
    return [
      `${counted(this.#count, 'row')} without ${this.lacked}, because they cannot be used; the first is ${this.#first}`,
    ];
  }
}

export function namePlace({ source, line }: Example | BadRow): string {
  return `${nameSource(source)}, line ${line}`;
}
