import type { Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { widthOf } from './fit.js';

/** A terminal, or what a test takes for one. */
export type Terminal = Writable & { columns?: number; rows?: number };

const COLUMNS = 80;
const ROWS = 24;

/**
 * The end of a terminal: a block of lines that is drawn anew in its place, and lines above it that stay. Each change is one
 * write, and the cursor stays visible below the block: whatever ends the process, and whenever, leaves the terminal as it should be.
 */
export class Screen {
  readonly #terminal: Terminal;
  #block: readonly string[] = [];
  /** What stands there, as it was cut to the terminal's height then. */
  #drawn: readonly string[] = [];

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Columns that a line of the block may take. In the last one a cursor would be where terminals differ. */
  get columns(): number {
    return Math.max(1, (this.#terminal.columns || COLUMNS) - 1);
  }

  /** Draws the block anew. */
  draw(block: readonly string[]): void {
    this.#block = block;
    this.#write('');
  }

  /** Adds a line that stays, above the block. */
  print(line: string): void {
    this.#write(`${line}\n`);
  }

  /** After a while in the background, where a shell has written below: what stands there is no longer ours. */
  forget(): void {
    this.#drawn = [];
  }

  #write(above: string): void {
    const erase = this.#erase();
    // A block that is higher than the terminal could not be erased.
    this.#drawn = this.#block.slice(0, Math.max(0, (this.#terminal.rows || ROWS) - 1));
    this.#terminal.write(erase + above + this.#drawn.map((line) => `${line}\n`).join(''));
  }

  /** Takes away what was drawn: of a terminal that has become narrower meanwhile, each of its lines in as many rows as it takes now. */
  #erase(): string {
    if (this.#drawn.length === 0) return '';
    const columns = this.#terminal.columns || COLUMNS;
    const rows = this.#drawn.reduce(
      (sum, line) =>
        sum + Math.max(1, Math.ceil(widthOf(stripVTControlCharacters(line)) / columns)),
      0,
    );
    return `\r\u001b[${rows}A\u001b[J`;
  }
}
