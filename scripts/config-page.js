/** Writes docs/config.md anew from the schema of configs (npm run build before). */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as prettier from 'prettier';
import { formatConfigPage } from '../dist/src/config/config-page.js';

const file = fileURLToPath(new URL('../docs/config.md', import.meta.url));
const options = await prettier.resolveConfig(file);
writeFileSync(file, await prettier.format(formatConfigPage(), { ...options, parser: 'markdown' }));
