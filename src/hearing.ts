/**
 * A listener as it is called by what it listens to. It may be an async function: its promises that reject count as if it
 * had thrown, and what it has begun is waited for, so that no failure of it is lost or hits the process.
 */
export class Hearing<E> {
  readonly #listener: (event: E) => unknown;
  readonly #pending = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  constructor(listener: (event: E) => unknown) {
    this.#listener = listener;
  }

  /** Passes an event on. @throws what the listener threw, now or before. */
  readonly hear = (event: E): void => {
    this.expectWell();
    try {
      this.#await(this.#listener(event));
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  };

  /** @throws what the listener threw, if it did */
  expectWell(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /**
   * Runs what calls `hear`. Of several failures the listener's is the one that is told: the others may follow from it.
   *
   * @param release lets go of the result where the listener failed though the work did not
   */
  async during<T>(work: () => Promise<T>, release?: (result: T) => Promise<void>): Promise<T> {
    let result: T;
    try {
      result = await work();
    } catch (error) {
      await this.settle();
      throw error;
    }
    try {
      await this.settle();
    } catch (error) {
      await release?.(result);
      throw error;
    }
    return result;
  }

  /** Waits for what the listener has begun. @throws what it threw, if it did */
  async settle(): Promise<void> {
    await Promise.all(this.#pending);
    this.expectWell();
  }

  #await(returned: unknown): void {
    if (!isThenable(returned)) return;
    const pending = Promise.resolve(returned)
      .then(
        () => undefined,
        (error: unknown) => {
          this.#failure ??= { error };
        },
      )
      .finally(() => this.#pending.delete(pending));
    this.#pending.add(pending);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value;
}
