import fc from 'fast-check';
import { tries } from './effort.js';

// Properties are tried on the same inputs every time; SEED=… tries others.
fc.configureGlobal({ seed: Number(process.env['SEED'] ?? 1), numRuns: tries(50) });
