/**
 * Times the translation of a file by a trained translator, with the same beam search in PyTorch beside it (scripts/pytorch_beam.py), from
 * the same checkpoint and the same tokens, and in the precision that the run was trained in, PyTorch by its autocast:
 *
 *   node scripts/bench-decoding.js RUN FILE [--beam 5] [--workers 2] [--alone]
 *
 * Prints sentences a second of both, PyTorch's best of three ways, their ratio, and of how many sentences the best translations have the same mean
 * ln p within 1e-4, or 0.02 where products are of bfloat16. The environment variable PYTHON names the interpreter that has PyTorch (python3 unless set); --alone leaves it out.
 */
import '../bin/node-version.js';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openModel } from '../dist/src/index.js';

const REPETITIONS = 3;
const TOLERANCE = { float32: 1e-4, bfloat16: 0.02 };

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    beam: { type: 'string', default: '5' },
    workers: { type: 'string' },
    alone: { type: 'boolean', default: false },
  },
});
const [run, file] = positionals;
if (run === undefined || file === undefined) {
  console.error(
    'usage: node scripts/bench-decoding.js RUN FILE [--beam 5] [--workers 2] [--alone]',
  );
  process.exit(2);
}

const model = await openModel(run, {
  ...(options.workers !== undefined && { workers: Number(options.workers) }),
});
const { data, train } = model.config;
const { precision } = train;
const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
const tokenizer = model.sourceTokenizer ?? model.tokenizer;
const rows = lines.map((line) => tokenizer.encode(line).slice(0, data.maxSourceLength));
const translate = () => model.translate(lines, { beam: Number(options.beam), unknown: 'keep' });

// The first call starts threads and reads the weights.
await model.translate(lines.slice(0, 64));
let translated = [];
const seconds = Array.from({ length: REPETITIONS }, () => 0);
for (let i = 0; i < REPETITIONS; i++) {
  const start = performance.now();
  translated = await translate();
  seconds[i] = (performance.now() - start) / 1000;
}
await model.close();
const own = lines.length / Math.min(...seconds);
console.log(
  `Lockstep, ${precision}: ${own.toFixed(1)} sentences/s (${seconds.map((s) => s.toFixed(2)).join(', ')} s)`,
);

if (!options.alone) {
  const script = fileURLToPath(new URL('pytorch_beam.py', import.meta.url));
  const flags = [
    '--beam',
    options.beam,
    '--most',
    String(data.maxLength),
    '--precision',
    precision,
  ];
  const { status, stdout } = spawnSync(
    process.env['PYTHON'] ?? 'python3',
    [script, model.checkpoint, ...flags],
    {
      input: JSON.stringify(rows),
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'inherit'],
      maxBuffer: 2 ** 28,
    },
  );
  if (status !== 0) throw new Error('pytorch_beam.py did not run: is PyTorch there?');
  const peer = JSON.parse(stdout);
  const best = Math.min(...Object.values(peer.seconds));
  const ways = Object.entries(peer.seconds).map(([way, s]) => `${way} ${s.toFixed(2)} s`);
  const same = translated.filter(({ translations: [first] }, i) => {
    const [score] = peer.found[i] ?? [];
    return first === undefined
      ? score === undefined
      : Math.abs(first.score - score) < TOLERANCE[precision];
  });
  console.log(`PyTorch: ${(lines.length / best).toFixed(1)} sentences/s (${ways.join(', ')})`);
  console.log(
    `ratio ${((own * best) / lines.length).toFixed(2)}; ${same.length} of ${lines.length} alike`,
  );
}
