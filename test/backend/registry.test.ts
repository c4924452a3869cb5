import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { KERNELS } from '../../src/backend/kernels/registry.js';
import { packageFile } from '../../src/package-root.js';

it('every kernel has the same number on both sides', () => {
  const table = readFileSync(packageFile('kernels/table.h'), 'utf8');
  const compiled = [...table.matchAll(/^ {2}[XT]\((\w+)\)/gm)].map(([, name]) => name);
  expect(KERNELS.map(({ name }) => name)).toEqual(compiled);
});
