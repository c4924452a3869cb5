import type { z } from 'zod';
import {
  describeSchema,
  describeValue,
  formatPath,
  joinWords,
  type KeyPath,
  schemaAt,
  valueAt,
} from './expectation.js';
import { checkFeatures } from './feature-problems.js';
import { configJsonSchema, type SchemaNode } from './json-schema.js';
import { describeUnknownKey } from './unknown-keys.js';
import { findNearest } from './nearest.js';
import { checkAttention } from './attention-problems.js';
import { checkPairs } from './pair-problems.js';
import type { Problem } from './problem.js';
import { stackFeature } from '../data/features/features.js';
import { type BpeConfig, usualBpe } from '../data/tokenizers/options.js';
import { splitWords, type WordConfig } from '../data/tokenizers/word.js';
import { TASKS, taskOf } from '../tasks/registry.js';
import type { Config } from './schema.js';
import { poolingKind } from '../model/graph/stack-layers.js';
import { describeStack, StackProblem } from '../model/graph/stack.js';

/** Says what the schema found wrong with `value`, one problem a key. */
export function describeIssues(issues: readonly z.core.$ZodIssue[], value: unknown): Problem[] {
  return issues.flatMap(openUnions).flatMap((issue) => {
    const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        path: [...path, key],
        message: describeUnknownKey(path, key, value),
      }));
    }
    return [{ path, message: describeWrongValue(issue, path, value) }];
  });
}

/** What is wrong inside the alternative that was meant: the one that fits down to the deepest key. */
function openUnions(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue];
  let meant: z.core.$ZodIssue[] = [issue];
  for (const alternative of issue.errors) {
    const inside = alternative.flatMap((inner) =>
      openUnions({ ...inner, path: [...issue.path, ...inner.path] }),
    );
    if (depthOf(inside) > depthOf(meant)) meant = inside;
  }
  return meant;
}

function depthOf(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(...issues.map(({ path }) => path.length));
}

function describeWrongValue(issue: z.core.$ZodIssue, path: KeyPath, value: unknown): string {
  const actual = valueAt(value, path);
  const schema = narrowToTask(schemaAt(configJsonSchema(), path, value) ?? {}, path, value);
  // Checks that JSON Schema cannot hold in words say themselves what they expect.
  const expected =
    issue.code === 'custom' || (issue.code === 'invalid_format' && issue.format === 'regex')
      ? issue.message
      : `expected ${describeSchema(schema)}`;
  if (actual === undefined) return `missing; ${expected}`;
  const near = findMeant(actual, schema.enum);
  if (near !== undefined)
    return `${expected}, got ${describeValue(actual)}; did you mean ${JSON.stringify(near)}?`;
  return `${expected}, got ${describeValue(actual)}${explainQuotes(issue, actual, path, schema)}`;
}

/** Of words that not every task takes, those that the config's own does, where it has one. */
function narrowToTask(schema: SchemaNode, path: KeyPath, config: unknown): SchemaNode {
  const kind = TASKS.find((each) => each === valueAt(config, ['task']));
  if (kind === undefined || schema.enum === undefined) return schema;
  const task = taskOf(kind);
  const taken: Record<string, readonly unknown[]> = {
    'data.format': task.formats,
    'train.loss.kind': task.losses,
    'train.bestBy': ['loss', ...task.measures()],
  };
  const words = taken[formatPath(path)];
  return words === undefined ? schema : { ...schema, enum: [...words] };
}

/** The one of some words that a misspelt one most likely is. */
function findMeant(actual: unknown, words: readonly unknown[] = []): string | undefined {
  if (typeof actual !== 'string' || words.includes(actual)) return undefined;
  return findNearest(
    actual,
    words.filter((word) => typeof word === 'string'),
  );
}

/** Where quotation marks, or their lack, are the likely mistake. */
function explainQuotes(
  issue: z.core.$ZodIssue,
  actual: unknown,
  path: KeyPath,
  { type }: SchemaNode,
): string {
  const isNumber =
    typeof actual === 'string' && /^\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*$/.test(actual);
  if (isNumber && (type === 'integer' || type === 'number'))
    return ', which quotation marks make text';
  const isList = typeof path.at(-1) === 'number' && issue.code !== 'custom';
  // A dash alone begins a list.
  if (actual === null && isList && path[0] === 'data') return '; standard input is written "-"';
  return '';
}

/** Values that are fine alone and impossible together. */
export function checkTogether(config: Config): Problem[] {
  const { task, data, train } = config;
  const problems: Problem[] = taskOf(task).check(config);
  if (problems.length === 0) problems.push(...checkStack(config));
  if (typeof data.validation === 'number' && typeof data.test === 'number') {
    const taken = data.validation + data.test;
    if (taken > 0.9) {
      problems.push({
        path: ['data', 'test'],
        message: `expected data.validation and data.test to leave at least a tenth of the rows to train on, got ${data.validation} and ${data.test}`,
      });
    }
  }
  problems.push(...checkLabels(config), ...checkFeatures(config), ...checkLoss(config));
  problems.push(...checkPairs(config), ...checkAttention(config));
  problems.push(...checkBest(config));
  const { optimizer } = train;
  const { schedule, learningRate } = optimizer;
  // The rate is a float32.
  if ('minimum' in schedule && Math.fround(schedule.minimum) > learningRate) {
    problems.push({
      path: ['train', 'optimizer', 'schedule', 'minimum'],
      message: `expected at most train.optimizer.learningRate, ${Number(learningRate.toPrecision(7))}, from which the rate falls, got ${schedule.minimum}`,
    });
  }
  if (optimizer.kind === 'sgd' && optimizer.nesterov && optimizer.momentum === 0) {
    problems.push({
      path: ['train', 'optimizer', 'nesterov'],
      message: 'expected train.optimizer.momentum above 0 beside it, got 0',
    });
  }
  for (const key of ['tokenizer', 'sourceTokenizer'] as const) {
    const tokenizer = data[key];
    if (tokenizer?.kind === 'word') problems.push(...checkWords(tokenizer, key));
    if (tokenizer?.kind === 'bpe') problems.push(...checkFile(tokenizer, key));
  }
  return problems;
}

/** Whether the layers can stand on each other. */
function* checkStack({ task, model }: Config): Generator<Problem> {
  const { per, carries, target, gives } = taskOf(task);
  const kinds = model.pooling.map(poolingKind);
  if (per === 'token' && kinds.join() !== 'last') {
    yield {
      path: ['model', 'pooling'],
      message: `expected nothing for the task ${task}, which reads every token of the top layer, got ${JSON.stringify(kinds)}`,
    };
  }
  for (const key of ['encoder', 'bridge'] as const) {
    if (model[key] === undefined || gives === 'pairs') continue;
    yield {
      path: ['model', key],
      message: `expected nothing for ${taskOf(task).model}, which reads no source`,
    };
  }
  if (model.attention !== undefined && target !== 'next token') {
    const instead = per === 'row' ? '; attention over the tokens of a row is a model.pooling' : '';
    yield {
      path: ['model', 'attention'],
      message: `expected nothing for ${taskOf(task).model}, which does not predict token after token${instead}`,
    };
  }
  try {
    const features = model.features.map((feature) => stackFeature(feature, 1));
    const outputs = { class: 2, labels: 2, number: 1, 'next token': 3 }[target];
    const { encoder, attention, bridge, ...own } = model;
    describeStack({
      ...{ ...own, features, vocabulary: 3, predicts: per, carries, outputs },
      ...(encoder && {
        encoder: { ...encoder, vocabulary: 3 },
        ...(bridge && { bridge }),
      }),
      ...(attention && { attention }),
    });
  } catch (error) {
    if (!(error instanceof StackProblem)) throw error;
    yield { path: ['model', ...error.path], message: error.message };
  }
}

/** A task has measures of its own. */
function* checkBest(config: Config): Generator<Problem> {
  const message = describeUnmeasured(config);
  if (message !== undefined) yield { path: ['train', 'bestBy'], message };
}

/**
 * What is wrong with the measure that a config chooses the best by; undefined where evaluations have it.
 *
 * @param classes those of the data, once they are known
 */
export function describeUnmeasured(
  { task, train: { bestBy } }: Config,
  classes?: readonly string[],
): string | undefined {
  const known = ['loss', ...taskOf(task).measures(classes)];
  if (known.includes(bestBy)) return undefined;
  const expected = joinWords(known.map((name) => JSON.stringify(name)));
  const which =
    classes === undefined ? '' : ` of the ${taskOf(task).named.several} that the data has`;
  return `expected ${expected} for ${taskOf(task).model}${which}, got ${JSON.stringify(bestBy)}`;
}

/** Keys that say how labels of one kind are written. */
const labelKeys = [
  { key: 'labelSeparator', kind: 'labels', what: 'lists of labels' },
  { key: 'decimalMark', kind: 'number', what: 'numbers to learn' },
] as const;

function* checkLabels({ task, data }: Config): Generator<Problem> {
  const { model, target } = taskOf(task);
  for (const { key, kind, what } of labelKeys) {
    if (data[key] === undefined || target === kind) continue;
    const others = TASKS.filter((each) => taskOf(each).target === kind);
    yield {
      path: ['data', key],
      message: `expected nothing for ${model}, whose rows have no ${what}, got ${JSON.stringify(data[key])}; the task of such rows is ${others.join(' or ')}`,
    };
  }
}

/** A loss has to do with what a target is, and some leave no place for what others can be told. */
function* checkLoss({ task, train: { loss } }: Config): Generator<Problem> {
  const { losses, model, target } = taskOf(task);
  const at = (key: string): KeyPath => ['train', 'loss', key];
  if (!losses.includes(loss.kind)) {
    const expected = joinWords(losses.map((kind) => JSON.stringify(kind)));
    const its = TASKS.filter((each) => taskOf(each).losses.includes(loss.kind));
    yield {
      path: at('kind'),
      message: `expected ${expected} for ${model}, got ${JSON.stringify(loss.kind)}, a loss of the task ${joinWords(its)}`,
    };
    return;
  }
  const why =
    loss.kind === 'softmax'
      ? undefined
      : `beside kind: ${loss.kind}, whose targets are ${whole[loss.kind]}`;
  if (why !== undefined && loss.labelSmoothing !== 0) {
    yield { path: at('labelSmoothing'), message: `expected 0 ${why}, got ${loss.labelSmoothing}` };
  }
  if (loss.kind !== 'binary' && loss.positiveWeights !== null) {
    yield {
      path: at('positiveWeights'),
      message: `expected null for ${model}, whose rows have no lists of labels`,
    };
  }
  if (loss.classWeights === null) return;
  if (why !== undefined) {
    const instead = loss.kind === 'binary' ? '; positiveWeights weigh these' : '';
    yield { path: at('classWeights'), message: `expected null ${why}${instead}` };
  } else if (target !== 'class') {
    yield {
      path: at('classWeights'),
      message: `expected null for ${model}, whose targets are no classes`,
    };
  }
}

const whole = {
  crf: 'whole rows',
  binary: 'lists of labels',
  squared: 'numbers',
  absolute: 'numbers',
};

/** A tokenizer that is taken from a file is what that says. */
function* checkFile(
  tokenizer: BpeConfig,
  key: 'tokenizer' | 'sourceTokenizer',
): Generator<Problem> {
  if (tokenizer.file === undefined) return;
  for (const [name, usual] of Object.entries(usualBpe)) {
    const value = tokenizer[name as keyof BpeConfig];
    if (value === usual) continue;
    yield {
      path: ['data', key, name],
      message: `expected nothing beside file, a tokenizer that is taken as it is, got ${describeValue(value)}`,
    };
  }
}

function* checkWords(
  tokenizer: WordConfig,
  key: 'tokenizer' | 'sourceTokenizer',
): Generator<Problem> {
  const { unknownToken, lineEnd, outOfVocabulary } = tokenizer;
  if (unknownToken !== undefined) {
    const words = splitWords(unknownToken, tokenizer);
    if (words.length !== 1 || words[0] !== unknownToken) {
      yield {
        path: ['data', key, 'unknownToken'],
        message:
          `expected a word as the tokenizer leaves it, but it makes ${JSON.stringify(words)} of ${JSON.stringify(unknownToken)}: ` +
          `change data.${key}.filters (to "", for example), split or lowerCase`,
      };
    }
  }
  if (lineEnd !== undefined && lineEnd === (unknownToken ?? outOfVocabulary)) {
    yield {
      path: ['data', key, 'lineEnd'],
      message: `expected another token than the unknown one, got ${JSON.stringify(lineEnd)}`,
    };
  }
}
