#!/usr/bin/env node
import { start } from './start.js';

await start(['train', ...process.argv.slice(2)]);
