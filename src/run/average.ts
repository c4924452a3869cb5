import * as nodeFs from 'node:fs/promises';
import path from 'node:path';
import type { NamedConfig } from '../config/load.js';
import { CARRIED, writeCheckpoint } from '../checkpoint/checkpoint.js';
import { checkpointName } from '../checkpoint/checkpoint-names.js';
import {
  digestText,
  MODEL_FILE,
  OPTIMIZER_FILE,
  verifyCheckpoint,
  type Progress,
  type RunState,
} from '../checkpoint/run-state.js';
import { readSafetensors, type Tensor } from '../checkpoint/safetensors.js';
import { formatVocabulary } from '../checkpoint/vocabulary-file.js';
import { UserError } from '../errors.js';
import { expectVacant, writeDirectory } from '../system/fresh-directory.js';
import { makeDirectory } from '../system/make-directory.js';
import { compareConfigs, describeChanges, isBelow, trainingKeys } from './config-changes.js';
import { findCheckpoint } from './find-checkpoint.js';
import { RunDirectory } from './run-directory.js';
import { readTrainedConfig } from './trained-config.js';

/**
 * The mean of the weights of several checkpoints, as a run of its own. Those of the end of one training, which go to and fro about a good
 * place, have a mean that is nearer to it.
 */

export interface AverageOptions {
  /** Takes so many of the latest checkpoints of every run that is named, in place of its best one. */
  last?: number;
  /** Hears what is odd about the checkpoints that are averaged. */
  notify?: (message: string) => void;
}

export interface Averaged {
  /** Directory of the checkpoint that was made. */
  checkpoint: string;
  /** Those of which it is the mean. */
  of: string[];
}

interface Member {
  readonly run: RunDirectory;
  readonly checkpoint: string;
  readonly state: RunState;
  readonly config: NamedConfig;
}

/** Where these differ the same weights mean something else. */
const MEANING = ['task', 'model', 'train.loss.kind'];

/**
 * @param named directories of checkpoints, or of runs
 * @param out directory of the run that is made
 * @throws UserError for checkpoints whose weights cannot be averaged, and where something is in the way
 */
export async function averageCheckpoints(
  named: readonly string[],
  out: string,
  { last, notify = () => undefined }: AverageOptions = {},
): Promise<Averaged> {
  await expectVacant(out);
  const members: Member[] = [];
  for (const checkpoint of await listCheckpoints(named, last)) {
    members.push(await readMember(checkpoint, notify));
  }
  const [first, ...others] = members;
  for (const other of others) expectAlike(first!, other);
  const odd = others.find(({ state }) => state.seed !== first!.state.seed);
  if (odd !== undefined) {
    notify(
      `${first!.checkpoint} and ${odd.checkpoint} are of trainings with different seeds: the mean of weights that began apart is seldom a good model; evaluate it before it is used`,
    );
  }
  // Of checkpoints as old the one that is named first.
  const newest = members.reduce((a, b) => (b.state.step > a.state.step ? b : a));
  const tensors = {
    model: await averageTensors(members, newest, MODEL_FILE),
    optimizer: await averageTensors(members, newest, OPTIMIZER_FILE),
  };
  const name = checkpointName(newest.state.step);
  await writeRun(out, name, newest, tensors);
  return {
    checkpoint: path.join(new RunDirectory(out).checkpoints, name),
    of: members.map(({ checkpoint }) => checkpoint),
  };
}

/** Of each run the best checkpoint, or its latest ones. */
async function listCheckpoints(named: readonly string[], last?: number): Promise<string[]> {
  const found: string[] = [];
  for (const each of named) {
    const { run, checkpoint } = await findCheckpoint(
      each,
      last === undefined ? undefined : 'latest',
    );
    if (last === undefined) {
      found.push(checkpoint);
      continue;
    }
    const names = await run.listCheckpoints();
    const end = names.indexOf(path.basename(checkpoint)) + 1;
    if (end < last) {
      throw new UserError(
        `${each}: expected at least ${last} checkpoints, found ${end}: train.checkpoint.keep says how many a run keeps`,
      );
    }
    const latest = names.slice(end - last, end);
    found.push(...latest.map((name) => path.join(run.checkpoints, name)));
  }
  const places = new Set<string>();
  for (const checkpoint of found) {
    const place = await nodeFs.realpath(checkpoint);
    if (places.has(place)) throw new UserError(`${checkpoint}: expected once, named twice`);
    places.add(place);
  }
  if (found.length < 2) {
    const several = last === undefined ? 'a run with --last' : '--last of 2 or more';
    throw new UserError(
      `expected at least two checkpoints to average, got ${found.join(', ')}: name others, or ${several}`,
    );
  }
  return found;
}

async function readMember(checkpoint: string, notify: (message: string) => void): Promise<Member> {
  const { run } = await findCheckpoint(checkpoint);
  const state = await verifyCheckpoint(checkpoint);
  const config = await readTrainedConfig(run, checkpoint, state, notify);
  return { run, checkpoint, state, config };
}

/** @throws UserError where the weights of two checkpoints mean different things */
function expectAlike(first: Member, other: Member): void {
  const { weighty } = compareConfigs(first.config, other.config);
  const training = trainingKeys(first.config);
  const foreign = weighty.filter(({ key }) => isBelow(key, MEANING) && !isBelow(key, training));
  if (foreign.length > 0) {
    throw new UserError(
      `${other.checkpoint} has another network than ${first.checkpoint} (${describeChanges(foreign)}): their weights have no mean`,
    );
  }
  const precision = weighty.find(({ key }) => key === 'train.precision');
  if (precision !== undefined) {
    throw new UserError(
      `${other.checkpoint} was trained with other products than ${first.checkpoint} (${describeChanges([precision])}): average checkpoints of one precision`,
    );
  }
  if (first.state.vocabulary !== other.state.vocabulary) {
    throw new UserError(
      `${other.checkpoint} has another vocabulary, or other classes, than ${first.checkpoint}: their weights have no mean`,
    );
  }
  if (first.state.tagsAreFree !== other.state.tagsAreFree) {
    throw new UserError(
      `${other.checkpoint} and ${first.checkpoint} were trained on tags that follow each other by different rules: their weights have no mean`,
    );
  }
}

/**
 * The mean of every tensor of a file, in float64 and in the order in which checkpoints were named. What rows carry is no weight, and has
 * a row for each of the batch that went on: that of the newest stands.
 */
async function averageTensors(
  members: readonly Member[],
  newest: Member,
  file: string,
): Promise<Tensor[]> {
  const sums = new Map<string, { shape: number[]; sum: Float64Array }>();
  const tensors: Tensor[] = [];
  for (const member of members) {
    const read = await readAll(
      path.join(member.checkpoint, file),
      member.state.files[file]!.sha256,
    );
    const own = read.filter(({ name }) => !name.startsWith(CARRIED));
    if (member === newest) tensors.push(...read.filter((tensor) => !own.includes(tensor)));
    const isFirst = member === members[0];
    const odd = own.find(({ name, shape }) => sums.get(name)?.shape.join() !== shape.join());
    if (!isFirst && (odd !== undefined || own.length !== sums.size)) {
      throw new UserError(
        `${path.join(member.checkpoint, file)}: expected the tensors of ${path.join(members[0]!.checkpoint, file)}, ` +
          (odd === undefined
            ? 'found fewer'
            : `found ${JSON.stringify(odd.name)} [${odd.shape.join(', ')}]`) +
          ': average checkpoints of one network and one optimizer',
      );
    }
    for (const { name, shape, data } of own) {
      if (isFirst) sums.set(name, { shape, sum: new Float64Array(data.length) });
      const { sum } = sums.get(name)!;
      for (let i = 0; i < sum.length; i++) sum[i]! += data[i]!;
    }
  }
  for (const [name, { shape, sum }] of sums) {
    const data = Float32Array.from(sum, (value) => value / members.length);
    tensors.push({ name, shape, data });
  }
  return tensors;
}

async function readAll(file: string, sha256: string): Promise<Tensor[]> {
  const tensors: Tensor[] = [];
  await readSafetensors(
    file,
    (name, shape) => {
      const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
      tensors.push({ name, shape, data });
      return data;
    },
    { sha256 },
  );
  return tensors;
}

/** All of it, or nothing: it is made beside its place. */
async function writeRun(
  out: string,
  name: string,
  newest: Member,
  tensors: { model: Tensor[]; optimizer: Tensor[] },
): Promise<void> {
  await writeDirectory(out, async (partial) => {
    const run = new RunDirectory(partial);
    await makeDirectory(run.checkpoints);
    const vocabulary = formatVocabulary(await newest.run.readVocabulary(newest.state));
    const progress = progressOf(newest.state, digestText(vocabulary));
    await writeCheckpoint(run.checkpoints, name, tensors, progress);
    await run.begin({ config: newest.config, vocabulary, history: [], latest: name });
  });
}

/** That of the newest checkpoint, but for what was measured: nobody has evaluated the mean. */
function progressOf(state: RunState, vocabulary: string): Progress {
  const { advice } = state.validation;
  const validation = { step: 0, withoutImprovement: 0, ...(advice && { advice }) };
  const { step, position, seed, profile, corpus, config } = state;
  const { classWeights, tagsAreFree, lineEnd } = state;
  return {
    ...{ step, position, seed, profile, corpus, vocabulary, validation },
    ...(config && { config }),
    ...(classWeights && { classWeights }),
    ...(tagsAreFree && { tagsAreFree }),
    ...(lineEnd && { lineEnd }),
  };
}
