import { basename, join } from 'node:path';
import { formatConfig, type NamedConfig } from '../config/load.js';
import { formatBytes, formatCount, formatShare } from '../observe/figures.js';
import { describeChanges } from '../run/config-changes.js';
import { findCheckpoint } from '../run/find-checkpoint.js';
import type { RunStart } from '../run/history.js';
import {
  MODEL_FILE,
  OPTIMIZER_FILE,
  verifyCheckpoint,
  type RunState,
} from '../checkpoint/run-state.js';
import { readSafetensorsHeader } from '../checkpoint/safetensors.js';
import { readTrainedConfig } from '../run/trained-config.js';
import type { Context } from './context.js';
import { defineCommand } from './define.js';
import { modelOptions, runPositional } from './options.js';
import { formatTable, printLines } from './table.js';

interface Inspection {
  checkpoint: string;
  /** SHA-256 of the weights' file: equal runs have equal ones. */
  weights: string;
  state: RunState;
  config: NamedConfig;
  history: RunStart[];
  parameters: { name: string; dtype: string; shape: number[]; bytes: number }[];
}

export const inspectCommand = (context: Context) =>
  defineCommand({
    command: 'inspect <run>',
    describe: "Shows a run's position, config, history, and the digest and parameters of its model",
    positionals: runPositional,
    options: {
      checkpoint: { ...modelOptions.checkpoint, default: 'latest' },
      json: { type: 'boolean', default: false, describe: 'Prints one JSON object' },
    },
    async run({ run, checkpoint, json }) {
      const inspection = await inspect(run, checkpoint, (message) =>
        printLines(context.stderr, [message]),
      );
      printLines(context.stdout, json ? [JSON.stringify(inspection)] : describe(inspection));
    },
  });

/** Reads and checks a checkpoint and what its run's directory says. */
async function inspect(
  run: string,
  which: string,
  notify: (message: string) => void,
): Promise<Inspection> {
  const { run: directory, checkpoint } = await findCheckpoint(run, which);
  const state = await verifyCheckpoint(checkpoint);
  const tensors = await readSafetensorsHeader(join(checkpoint, MODEL_FILE));
  return {
    checkpoint,
    weights: state.files[MODEL_FILE]!.sha256,
    state,
    config: await readTrainedConfig(directory, checkpoint, state, notify),
    history: await directory.readHistory(notify),
    parameters: tensors.map(({ name, shape, dtype, begin, end }) => {
      return { name, dtype, shape, bytes: end - begin };
    }),
  };
}

function describe({ checkpoint, weights, state, config, history, parameters }: Inspection) {
  const { position, validation } = state;
  const { best } = validation;
  const facts = [
    ['checkpoint', checkpoint],
    ['weights', `sha256 ${weights}`],
    ['optimizer', `sha256 ${state.files[OPTIMIZER_FILE]!.sha256}`],
    [
      'position',
      `step ${formatCount(state.step)}: ${formatCount(position.epoch)} epochs and ` +
        `${formatCount(position.batch)} of ${formatCount(position.stepsPerEpoch)} batches`,
    ],
    ['seed', String(state.seed)],
    ['numbers', state.profile],
    ['corpus', `sha256 ${state.corpus}`],
    ['vocabulary', `sha256 ${state.vocabulary}`],
    ...(best
      ? [
          [
            'best',
            `validation loss ${best.loss.toFixed(4)}, accuracy ${formatShare(best.accuracy)}, after step ${formatCount(best.step)}; ` +
              `${formatCount(validation.withoutImprovement)} evaluations since`,
          ],
        ]
      : []),
  ];
  const width = Math.max(...facts.map(([name]) => name!.length));
  return [
    `${config.name}: ${config.task}`,
    ...facts.map(([name, value]) => `${name!.padEnd(width)}  ${value!}`),
    '',
    'Starts',
    ...describeHistory(history),
    '',
    `Parameters of ${basename(checkpoint)}`,
    ...describeParameters(parameters),
    '',
    'Config',
    ...formatConfig(config).trimEnd().split('\n'),
  ];
}

function describeHistory(history: readonly RunStart[]): string[] {
  if (history.length === 0) return ['none on record'];
  return history.flatMap((start) => {
    const { time, version, backend, profile, workers, fromStep, changes, overridden } = start;
    return [
      `${time} from step ${formatCount(fromStep)}: ${formatCount(workers)} workers, ${backend} (${profile}), lockstep ${version}`,
      ...(changes.length > 0 ? [`  changed: ${describeChanges(changes)}`] : []),
      ...(overridden.length > 0 ? [`  overridden: ${overridden.join(', ')}`] : []),
    ];
  });
}

function describeParameters(parameters: Inspection['parameters']): string[] {
  const elements = (shape: number[]): number => shape.reduce((a, b) => a * b, 1);
  const count = parameters.reduce((sum, { shape }) => sum + elements(shape), 0);
  const total = parameters.reduce((sum, { bytes }) => sum + bytes, 0);
  const rows = parameters.map(({ name, shape, dtype, bytes }) => [
    name,
    shape.join(' × '),
    dtype,
    formatBytes(bytes),
  ]);
  return [
    ...formatTable([['parameter', 'shape', 'type', 'size'], ...rows]),
    `${formatCount(count)} parameters, ${formatBytes(total)}`,
  ];
}
