import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/load.js';
import { train } from '../../src/train/run.js';

export const words = ['null', 'eins', 'zwei', 'drei', 'vier', 'fuenf'];

/** Digits of numbers. */
export const numbers = Array.from({ length: 120 }, (_, i) =>
  Array.from({ length: 1 + ((i * 5) % 6) }, (_, k) => (i * (k + 3) + k * k) % words.length),
);

/** Numbers in words, and the digits of them, the other way round. */
export const pairs = numbers.map((digits) => ({
  source: digits.map((digit) => words[digit]).join(' '),
  target: digits.toReversed().join(' '),
}));

/** The config that `trainTranslators` leaves in a folder. */
export const configFile = (folder: string): string => join(folder, 'a.yaml');

/**
 * Trains a small translator of the pairs for each run directory, from files in a folder.
 *
 * @param runs what differs from the config, by run directory
 */
export async function trainTranslators(
  folder: string,
  runs: ReadonlyMap<string, string[]>,
): Promise<void> {
  for (const side of ['source', 'target'] as const) {
    writeFileSync(join(folder, side), pairs.map((pair) => `${pair[side]}\n`).join(''));
  }
  const file = configFile(folder);
  writeFileSync(
    file,
    `task: translate
data:
  train: { source: ${folder}/source, target: ${folder}/target }
  storeDir: ${folder}/stores
  tokenizer: { kind: word, minCount: 1, filters: '' }
  maxLength: 7
  maxSourceLength: 6
model:
  embedding: 12
  encoder: { embedding: 8, layers: [{ cell: lstm, hiddenSize: 12, direction: both }] }
  layers: [{ cell: lstm, hiddenSize: 16 }]
train: { batchSize: 16, epochs: 2, optimizer: { learningRate: 0.02 } }
workers: 1
`,
  );
  for (const [runDir, set] of runs) {
    const config = await loadConfig(file, set);
    await train(config, { runDir, resume: false, listener: () => undefined });
  }
}
