import { readFile } from 'node:fs/promises';
import { arch, availableParallelism, cpus, freemem, platform, totalmem } from 'node:os';
import { formatBytes } from '../observe/figures.js';
import type { Context } from './context.js';
import { defineCommand } from './define.js';
import { formatTable, printLines } from './table.js';

export const doctorCommand = (context: Context) =>
  defineCommand({
    command: 'doctor',
    describe: 'Shows what this machine has, and which backend would compute and why',
    positionals: {},
    options: {},
    async run() {
      const [{ describeBackends }, { measurePeak }] = await Promise.all([
        context.loadLibrary(),
        import('../bench/peak.js'),
      ]);
      const backends = describeBackends();
      const used = backends.find(({ available }) => available);
      const features = await readCpuFeatures();
      const lines = [
        `Node ${process.versions.node} on ${platform()} ${arch()}`,
        `Processor: ${cpus()[0]?.model ?? 'unknown'}, ${availableParallelism()} cores to use`,
        `Instruction sets: ${features === undefined ? 'not told by this system' : features.join(', ') || 'none that matter here'}`,
        `Memory: ${formatBytes(totalmem())}, ${formatBytes(freemem())} of it free`,
        '',
        ...formatTable(
          backends.map(({ name, available }) => [name, available ? 'available' : 'not available']),
        ).map((line, index) => `${line}  ${backends[index]!.reason}`),
        '',
        used === undefined
          ? 'No backend can compute here.'
          : `Training would use the ${used.name} backend: ${used.reason}.`,
        ...(used === undefined
          ? []
          : [
              describeProducts(used),
              `One core comes to ${measurePeak(used.name).toFixed(0)} GFLOP/s of multiply-adds in float32 at most, as it is now.`,
            ]),
      ];
      printLines(context.stdout, lines);
    },
  });

/** What `train.precision` comes to. */
function describeProducts({ bfloat16 }: { bfloat16: 'AMX' | 'multiply-adds' }): string {
  return bfloat16 === 'AMX'
    ? 'Its products of bfloat16 go through the tiles of AMX, several times as fast as float32: train.precision auto takes bfloat16.'
    : 'Its products of bfloat16 go through multiply-adds, no faster than float32: train.precision auto takes float32.';
}

/** Those that speed up the kernels, by Linux's names. */
const KNOWN_FEATURES = ['sse4_1', 'avx', 'avx2', 'fma', 'avx512f', 'amx_bf16', 'asimd', 'sve'];

async function readCpuFeatures(): Promise<string[] | undefined> {
  if (platform() !== 'linux') return undefined;
  const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(await readFile('/proc/cpuinfo', 'utf8'));
  const present = new Set(flags?.[1]?.trim().split(/\s+/));
  return KNOWN_FEATURES.filter((feature) => present.has(feature));
}
