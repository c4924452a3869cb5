import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type ExpectWanted, LookupQueue } from '../../../src/observe/server/lookup-queue.js';

const here = new AbortController().signal;

/** A look that ends only when nobody waits for it. */
const lookForEver = async (expectWanted: ExpectWanted): Promise<never> => {
  for (;;) {
    expectWanted();
    await sleep(1);
  }
};

async function textOf(answer: ReturnType<LookupQueue['add']>): Promise<string> {
  const reply = await answer;
  return Buffer.isBuffer(reply) ? reply.toString() : `${reply.status}: ${reply.body.toString()}`;
}

test('looks are had one after the other', async () => {
  const queue = new LookupQueue();
  const order: number[] = [];
  const look = (index: number) => async () => {
    order.push(index);
    await sleep(2);
    order.push(index);
    return index;
  };
  const answers = [1, 2, 3].map((index) => textOf(queue.add(look(index), here)));
  expect(await Promise.all(answers)).toEqual(['1', '2', '3']);
  expect(order).toEqual([1, 1, 2, 2, 3, 3]);
});

test('a look ends with the client that waits for it, and those of others go on', async () => {
  const queue = new LookupQueue();
  const [first, second] = [new AbortController(), new AbortController()];
  const left = [queue.add(lookForEver, first.signal), queue.add(lookForEver, second.signal)];
  const next = textOf(queue.add(() => Promise.resolve('found'), here));
  second.abort();
  await sleep(5);
  first.abort();
  expect(await next).toBe('"found"');
  await Promise.all(left);
});

test('a look that takes too long is ended while its client can still be told', async () => {
  const queue = new LookupQueue(20);
  const late = [queue.add(lookForEver, here), queue.add(() => Promise.resolve(1), here)];
  for (const each of late) {
    expect(await textOf(each)).toBe(
      '503: This part of the log cannot be read in time beside the training; ask again.\n',
    );
  }
  expect(await textOf(queue.add(() => Promise.resolve(1), here))).toBe('1');
});

test('who comes to a full queue is told so, and who asks for a log that cannot be read', async () => {
  const queue = new LookupQueue();
  const client = new AbortController();
  const waiting = Array.from({ length: 8 }, () => queue.add(lookForEver, client.signal));
  expect(await textOf(queue.add(() => Promise.resolve(1), here))).toBe(
    '503: Too many looks into logs are under way; ask again.\n',
  );
  client.abort();
  await Promise.all(waiting);
  const missing = Object.assign(new Error('no such file'), { code: 'ENOENT' });
  expect(await textOf(queue.add(() => Promise.reject(missing), here))).toBe(
    '500: The log cannot be read (ENOENT).\n',
  );
});
