#!/usr/bin/env node
// Writes the table of docs/metrics.md anew from the metrics that there are (npm run build before).
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { describeMetrics } from '../dist/src/observe/metric-definitions.js';

const file = fileURLToPath(new URL('../docs/metrics.md', import.meta.url));
const table = /(?<=^<!-- metrics -->\n\n)(?:\|.*\n)+/m;
const text = readFileSync(file, 'utf8').replace(table, () => `${describeMetrics().join('\n')}\n`);
const options = await resolveConfig(file);
writeFileSync(file, await format(text, { ...options, parser: 'markdown' }));
