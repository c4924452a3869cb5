import type { TrainedModel } from '../train/trained-model.js';

/** A model in use: it is closed when another has taken its place and the last request that it answers has ended. */
interface Lent {
  readonly model: TrainedModel;
  users: number;
  isRetired: boolean;
  closed: () => void;
  readonly closing: Promise<void>;
}

/** The model that requests are answered with, which may be replaced while they are. */
export class ServedModel {
  #current: Lent;

  constructor(model: TrainedModel) {
    this.#current = lend(model);
  }

  /** What new requests are answered with. */
  get model(): TrainedModel {
    return this.#current.model;
  }

  /** Works with the present model, which stays open for as long as that takes. */
  async use<T>(work: (model: TrainedModel) => Promise<T>): Promise<T> {
    const { model, release } = this.borrow();
    try {
      return await work(model);
    } finally {
      release();
    }
  }

  /** The present model, which stays open until `release` is called. */
  borrow(): { model: TrainedModel; release: () => void } {
    const lent = this.#current;
    lent.users++;
    let isReleased = false;
    return {
      model: lent.model,
      release: () => {
        if (isReleased) return;
        isReleased = true;
        lent.users--;
        closeIfUnused(lent);
      },
    };
  }

  /** Has new requests be answered with another model. @returns resolves when the one before has been closed */
  replace(model: TrainedModel): Promise<void> {
    const former = this.#current;
    this.#current = lend(model);
    return retire(former);
  }

  /** Waits for the last request, and closes the model. */
  close(): Promise<void> {
    return retire(this.#current);
  }
}

function lend(model: TrainedModel): Lent {
  let closed = (): void => undefined;
  const closing = new Promise<void>((resolve) => (closed = resolve));
  return { model, users: 0, isRetired: false, closed, closing };
}

function retire(lent: Lent): Promise<void> {
  lent.isRetired = true;
  closeIfUnused(lent);
  return lent.closing;
}

function closeIfUnused(lent: Lent): void {
  if (!lent.isRetired || lent.users > 0) return;
  void lent.model.close().then(lent.closed, lent.closed);
}
