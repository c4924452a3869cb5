import { Writable } from 'node:stream';
import stringWidth from 'string-width';

/**
 * A terminal as far as a program that redraws a few lines needs one: rows of text, a cursor, lines that wrap, and that wrap anew when
 * the width changes. Anything else that is sent to it is an error.
 */
export class FakeTerminal extends Writable {
  readonly isTTY = true;
  columns: number;
  rows = 24;
  /** All that was written, with its control sequences. */
  raw = '';
  /** Lines as they were ended by line feeds; the last one is where the cursor is. */
  #lines: string[] = [''];

  constructor(columns = 100) {
    super({ decodeStrings: false });
    this.columns = columns;
  }

  /** What a user sees, without what is empty below. */
  get screen(): string[] {
    return this.#lines
      .flatMap((line) => this.#wrap(line))
      .join('\n')
      .trimEnd()
      .split('\n');
  }

  override _write(chunk: string, _encoding: BufferEncoding, done: () => void): void {
    this.raw += chunk;
    const [text, ...controlled] = chunk.split('\u001b');
    this.#show(text!);
    for (const part of controlled) {
      const control = /^\[[\d;]*[A-Za-z]/.exec(part)?.[0] ?? '';
      this.#obey(control);
      this.#show(part.slice(control.length));
    }
    done();
  }

  #obey(control: string): void {
    const up = /^\[(\d+)A$/.exec(control);
    if (up) this.#moveUp(Number(up[1]));
    else if (control !== '[J' && !control.endsWith('m')) {
      throw new Error(`unknown to this terminal: ${JSON.stringify(control)}`);
    }
  }

  #show(text: string): void {
    const [first, ...others] = text.replaceAll('\r', '').split('\n');
    this.#lines.push(`${this.#lines.pop()!}${first!}`, ...others);
  }

  /** As all that follows is erased, what lies above is all that has to be kept. */
  #moveUp(rows: number): void {
    if (this.#lines.at(-1) !== '') throw new Error('expected the cursor at the start of a line');
    this.#lines.pop();
    for (let left = rows; left > 0;) {
      const line = this.#lines.pop();
      if (line === undefined) throw new Error('erased more than there is');
      left -= this.#wrap(line).length;
      if (left < 0) throw new Error(`erased a part of ${JSON.stringify(line)}`);
    }
    this.#lines.push('');
  }

  #wrap(line: string): string[] {
    const rows = [''];
    for (const character of line) {
      const row = rows.at(-1)!;
      if (stringWidth(row + character) > this.columns) rows.push(character);
      else rows[rows.length - 1] = row + character;
    }
    return rows;
  }
}
