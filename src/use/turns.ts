/** Has tasks run one at a time, in the order in which they came. One that fails stops no other. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs a task when those before it are done; settles as the task does. */
  take<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(task);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
