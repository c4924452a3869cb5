import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { TASKS, taskOf } from '../../src/tasks/registry.js';

const source = path.join(import.meta.dirname, '../../src');

test('tasks are asked for their answers: nothing outside of src/tasks knows one by name, but what chooses one for data', () => {
  const names = new RegExp(`\\btask\\b.*(?:===|!==|case) *['"](?:${TASKS.join('|')})['"]`);
  // Whoever looks at data and says what can be learned of it has to name a task.
  const isFree = (file: string): boolean => /^(tasks|init)\//.test(file);
  const knowing = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !isFree(file))
    .filter((file) => names.test(readFileSync(path.join(source, file), 'utf8')));
  expect(knowing).toEqual([]);
});

test('every task has its own name, and one stands for each in the registry', () => {
  expect(TASKS.map((kind) => taskOf(kind).kind)).toEqual(TASKS);
});
