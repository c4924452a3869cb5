import type { Prediction, PredictManyOptions } from '../train/trained-model.js';

/** Inputs that are read ahead of the answer that is next, where nothing else is said. */
const USUAL_AHEAD = 256;

/**
 * Answers inputs as they come, in their order. At most so many are read ahead; an answer that is there waits for no further input.
 * What the inputs throw is thrown behind the answers to those before.
 *
 * @param predict never throws, but may reject
 */
export async function* predictMany<I>(
  predict: (input: I) => Promise<Prediction>,
  inputs: AsyncIterable<I> | Iterable<I>,
  { ahead = USUAL_AHEAD }: PredictManyOptions = {},
): AsyncGenerator<Prediction, void, undefined> {
  const source = iterate(inputs);
  const asked: Promise<Prediction>[] = [];
  /** An input, the end, or what the inputs have thrown. */
  const read = (): Promise<IteratorResult<I> | { thrown: unknown }> =>
    source.next().catch((thrown: unknown) => ({ thrown }));
  let hasEnded = false;
  let failure: { thrown: unknown } | undefined;
  let next = read();
  try {
    for (;;) {
      const [first] = asked;
      if (!hasEnded && asked.length < ahead) {
        // Whichever comes first: an input, or the answer to one before.
        const come = await (first === undefined ? next : Promise.race([next, first.then(nothing)]));
        if (come !== undefined) {
          if ('thrown' in come) [hasEnded, failure] = [true, come];
          else if (come.done === true) hasEnded = true;
          else {
            asked.push(heard(predict(come.value)));
            next = read();
          }
          continue;
        }
      }
      if (first === undefined) {
        if (failure !== undefined) throw failure.thrown;
        return;
      }
      yield await first;
      void asked.shift();
    }
  } finally {
    // Not waited for: it may still wait for its own next input.
    if (!hasEnded) void heard(Promise.resolve(source.return?.()));
  }
}

function nothing(): undefined {
  return undefined;
}

/** What fails before its turn has come, or when nobody asks any more, must not hit the process. */
function heard<T>(promise: Promise<T>): Promise<T> {
  void promise.catch(nothing);
  return promise;
}

function iterate<I>(inputs: AsyncIterable<I> | Iterable<I>): AsyncIterator<I> {
  if (Symbol.asyncIterator in inputs) return inputs[Symbol.asyncIterator]();
  const iterator = inputs[Symbol.iterator]();
  return {
    next: async () => Promise.resolve(iterator.next()),
    return: async () => Promise.resolve(iterator.return?.() ?? { done: true, value: undefined }),
  };
}
