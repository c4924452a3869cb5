import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { formatConfig, loadConfig, type NamedConfig } from '../config/load.js';
import type { LayerSummary } from '../model/graph/summary.js';
import { formatBytes, formatCount } from '../observe/figures.js';
import { describeBest } from '../observe/sentences.js';
import { UserError } from '../errors.js';
import type { TokenizerConfig } from '../data/tokenizers/options.js';
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
import type { RunDirectory } from '../run/run-directory.js';
import { readTrainedConfig } from '../run/trained-config.js';
import type { Context } from './context.js';
import { defineCommand } from './define.js';
import { taskOf } from '../tasks/registry.js';
import { modelOptions, runPositional } from './options/options.js';
import { describeSummary, summarizeConfig } from './summaries/network-summary.js';
import { formatTable, printLines } from './table.js';
import { counted } from '../system/counted.js';

interface Inspection {
  checkpoint: string;
  /** SHA-256 of the weights' file: equal runs have equal ones. */
  weights: string;
  state: RunState;
  config: NamedConfig;
  history: RunStart[];
  parameters: { name: string; dtype: string; shape: number[]; bytes: number }[];
  /** None where the file lacks the tensors that say how wide it is. */
  layers: LayerSummary[];
}

export const inspectCommand = (context: Context) =>
  defineCommand({
    command: 'inspect <run>',
    describe:
      "Shows a run's position, config, history, and the network, digest and parameters of its model; of a config file the network",
    positionals: {
      run: { ...runPositional.run, describe: `${runPositional.run.describe}; or a config file` },
    },
    options: {
      checkpoint: {
        ...modelOptions.checkpoint,
        describe: `${modelOptions.checkpoint.describe.split(';')[0]!}; the latest by default`,
      },
      json: { type: 'boolean', default: false, describe: 'Prints one JSON object' },
    },
    async run({ run, checkpoint, json }) {
      if (await isFile(run)) {
        if (!/\.ya?ml$/.test(run)) {
          throw new UserError(
            `${run}: expected the directory of a run or of a checkpoint, or a config file (.yaml), got another file`,
          );
        }
        if (checkpoint !== undefined) {
          throw new UserError(`--checkpoint: expected beside a run, and ${run} is a config file`);
        }
        const { layers, note } = await summarizeFile(run);
        const lines = json
          ? [JSON.stringify({ layers, note })]
          : [...describeSummary(layers), note];
        printLines(context.stdout, lines);
        return;
      }
      const inspection = await inspect(run, checkpoint, (message) =>
        printLines(context.stderr, [message]),
      );
      printLines(context.stdout, json ? [JSON.stringify(inspection)] : describe(inspection));
    },
  });

/** Reads and checks a checkpoint and what its run's directory says. */
async function inspect(
  run: string,
  which: string | undefined,
  notify: (message: string) => void,
): Promise<Inspection> {
  const { run: directory, checkpoint } = await findCheckpoint(run, which, 'latest');
  const state = await verifyCheckpoint(checkpoint);
  const tensors = await readSafetensorsHeader(join(checkpoint, MODEL_FILE));
  const config = await readTrainedConfig(directory, checkpoint, state, notify);
  const rowsOf = (name: string): number | undefined =>
    tensors.find((tensor) => tensor.name === name)?.shape[0];
  const [vocabulary, outputs] = [rowsOf('embedding.weight'), rowsOf('head.bias')];
  const boundary = taskOf(config.task).gives === 'pairs' ? 1 : 0;
  const sources = rowsOf('encoder.embedding.weight');
  const values = config.model.features.map((_, i) => rowsOf(`embedding_${i + 1}.weight`) ?? 1);
  return {
    checkpoint,
    weights: state.files[MODEL_FILE]!.sha256,
    state,
    config,
    history: await readHistory(directory, notify),
    parameters: tensors.map(({ name, shape, dtype, begin, end }) => {
      return { name, dtype, shape, bytes: end - begin };
    }),
    layers:
      vocabulary && outputs
        ? summarizeConfig(config, vocabulary - boundary, outputs, values, sources)
        : [],
  };
}

function describe(inspection: Inspection) {
  const { checkpoint, weights, state, config, history, parameters, layers } = inspection;
  const { position, validation } = state;
  const { best } = validation;
  const facts = [
    ['checkpoint', checkpoint],
    ['weights', `sha256 ${weights}`],
    ['optimizer', `sha256 ${state.files[OPTIMIZER_FILE]!.sha256}`],
    [
      'position',
      `step ${formatCount(state.step)}: ${counted(position.epoch, 'epoch')} and ` +
        `${formatCount(position.batch)} of ${counted(position.stepsPerEpoch, 'batch', 'batches')}`,
    ],
    ['seed', String(state.seed)],
    ['numbers', state.profile],
    ['corpus', `sha256 ${state.corpus}`],
    ['vocabulary', `sha256 ${state.vocabulary}`],
    ...(best
      ? [
          [
            'best',
            `${describeBest(best)} after step ${formatCount(best.step)}; ` +
              `${counted(validation.withoutImprovement, 'evaluation')} since`,
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
    ...(layers.length > 0 ? ['Network', ...describeSummary(layers), ''] : []),
    `Parameters of ${basename(checkpoint)}`,
    ...describeParameters(parameters),
    '',
    'Config',
    ...formatConfig(config).trimEnd().split('\n'),
  ];
}

/** A history that is damaged is no reason to show nothing of the rest. */
async function readHistory(
  directory: RunDirectory,
  notify: (message: string) => void,
): Promise<RunStart[]> {
  try {
    return await directory.readHistory(notify);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    notify(error.message);
    return [];
  }
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}

/** The network of a config file: as wide as its vocabulary may become, with two classes where they are not known yet. */
async function summarizeFile(file: string): Promise<{ layers: LayerSummary[]; note: string }> {
  const config = await loadConfig(file);
  const { tokenizer, sourceTokenizer = tokenizer } = config.data;
  const { target } = taskOf(config.task);
  const vocabulary = mostOf(tokenizer);
  const sizes = `Before the data is prepared: a vocabulary of ${formatCount(vocabulary)}, the most it may have`;
  return {
    layers: summarizeConfig(config, vocabulary, 2, undefined, mostOf(sourceTokenizer)),
    note: `${sizes}${{ class: ', and two classes', labels: ', and two labels', number: '', 'next token': '' }[target]}`,
  };
}

/** Ids of a tokenizer: of bytes all of them, and one for padding. */
function mostOf(tokenizer: TokenizerConfig): number {
  return tokenizer.kind === 'byte' ? 257 : tokenizer.vocabularySize;
}

function describeHistory(history: readonly RunStart[]): string[] {
  if (history.length === 0) return ['none on record'];
  return history.flatMap((start) => {
    const { time, version, backend, profile, workers, fromStep, changes, overridden } = start;
    return [
      `${time} from step ${formatCount(fromStep)}: ${counted(workers, 'worker')}, ${backend} (${profile}), lockstep ${version}`,
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
    `${counted(count, 'parameter')}, ${formatBytes(total)}`,
  ];
}
