/** Takes exact numbers of rows from pages of any size. */
export class ColumnReader<T> {
  readonly #pages: AsyncGenerator<T[], void, undefined>;
  #page: readonly T[] = [];
  #next = 0;

  constructor(pages: AsyncGenerator<T[], void, undefined>) {
    this.#pages = pages;
  }

  /** Fewer only where the pages end. @throws UserError when the pages are damaged. */
  async take(count: number): Promise<T[]> {
    const taken: T[] = [];
    while (taken.length < count) {
      if (this.#next === this.#page.length) {
        const page = await this.#pages.next();
        // The pages' end is an error of its own when rows are missing.
        if (page.done === true) break;
        this.#page = page.value;
        this.#next = 0;
      }
      const end = Math.min(this.#page.length, this.#next + count - taken.length);
      for (; this.#next < end; this.#next++) taken.push(this.#page[this.#next]!);
    }
    return taken;
  }

  close(): Promise<unknown> {
    return this.#pages.return();
  }
}
