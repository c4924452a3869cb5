import fc from 'fast-check';

// Properties are tried on the same inputs every time; SEED=… tries others.
fc.configureGlobal({ seed: Number(process.env['SEED'] ?? 1) });
