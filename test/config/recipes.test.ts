import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.js';

const folder = fileURLToPath(new URL('../../configs', import.meta.url));

test.each(readdirSync(folder).filter((name) => name.endsWith('.yaml')))(
  'the recipe %s is right and names its run',
  async (name) => {
    expect((await loadConfig(join(folder, name))).name).toBe(basename(name, '.yaml'));
  },
);
