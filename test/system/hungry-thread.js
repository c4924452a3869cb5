/** A thread that takes memory in the way that it is told, or only makes garbage: entry for the tests of thread-heap. */
import { setInterval } from 'node:timers';
import { workerData } from 'node:worker_threads';

const ways = {
  'piece by piece': () => {
    for (let kept; ;) kept = { kept, more: [1, 2, 3] };
  },
  'in one array': () => {
    const kept = [];
    for (;;) kept.push(kept.length);
  },
  'in one map': () => {
    const kept = new Map();
    for (let i = 0; ; i++) kept.set(`key ${i}`, i);
  },
  'between events': () => {
    const kept = [];
    setInterval(() => kept.push(Array.from({ length: 50_000 }, (_, i) => ({ i }))), 1);
  },
  'only garbage': () => {
    for (let i = 0; i < 500_000; i++) ({ i, more: [i, i, i] }).more.push(`${i}`);
  },
};

ways[workerData]();
