import { describe } from 'vitest';
import { minimal, testRefusals } from './refusal.js';

describe('a config is refused that has what its task or its loss does not take', () => {
  testRefusals([
    [
      'class weights that are none',
      `${minimal}train: { loss: { classWeights: even } }\n`,
      'configs/x.yaml:4:18: train.loss.classWeights: expected "balanced", names with a number above 0 each or null, got "even"',
    ],
    [
      'a class that weighs nothing',
      `${minimal}train: { loss: { classWeights: { spam: 0 } } }\n`,
      'configs/x.yaml:4:34: train.loss.classWeights.spam: expected a number above 0, got 0',
    ],
    [
      'class weights of a language model',
      'task: language-model\ndata: { train: a.txt }\ntrain: { loss: { classWeights: balanced } }\n',
      'configs/x.yaml:3:18: train.loss.classWeights: expected null for a language model',
    ],
    [
      'class weights of numbers',
      'task: regress\ndata: { train: a.csv }\ntrain: { loss: { classWeights: balanced } }\n',
      'configs/x.yaml:3:18: train.loss.classWeights: expected null beside kind: squared, whose targets are numbers',
    ],
    [
      'a loss that there is not, of those that the task takes',
      'task: regress\ndata: { train: a.csv }\ntrain: { loss: { kind: hinge } }\n',
      'configs/x.yaml:3:18: train.loss.kind: expected "squared" or "absolute", got "hinge"',
    ],
    [
      'a format that there is not, of those that the task takes',
      'task: tag\ndata: { train: a.x, format: xml }\n',
      'configs/x.yaml:2:21: data.format: expected "conll" or "jsonl", got "xml"',
    ],
    [
      'the best by what a task does not measure',
      `${minimal}train: { bestBy: f1 }\n`,
      'configs/x.yaml:4:10: train.bestBy: expected "loss" or "accuracy" for a classifier, got "f1"',
    ],
    [
      'a loss of numbers for classes',
      `${minimal}train: { loss: { kind: squared } }\n`,
      'configs/x.yaml:4:18: train.loss.kind: expected "softmax" for a classifier, got "squared", a loss of the task regress',
    ],
    [
      'a loss of classes for numbers',
      'task: regress\ndata: { train: a.csv }\ntrain: { loss: { kind: crf } }\n',
      'configs/x.yaml:3:18: train.loss.kind: expected "squared" or "absolute" for a model of numbers, got "crf", a loss of the task tag',
    ],
    [
      'several labels a row for a class',
      'task: classify\ndata: { train: a.csv, labelSeparator: ";" }\n',
      'configs/x.yaml:2:23: data.labelSeparator: expected nothing for a classifier, whose rows have no lists of labels, got ";"; the task of such rows is multi-label',
    ],
    [
      'decimals of a class',
      `task: classify\ndata: { train: a.csv, decimalMark: ',' }\n`,
      'configs/x.yaml:2:23: data.decimalMark: expected nothing for a classifier, whose rows have no numbers to learn, got ","; the task of such rows is regress',
    ],
    [
      'nothing between labels',
      'task: multi-label\ndata: { train: a.csv, labelSeparator: "" }\n',
      'configs/x.yaml:2:23: data.labelSeparator: expected non-empty text, got ""',
    ],
    [
      'a loss of labels for classes',
      `${minimal}train: { loss: { kind: binary } }\n`,
      'configs/x.yaml:4:18: train.loss.kind: expected "softmax" for a classifier, got "binary", a loss of the task multi-label',
    ],
    [
      'smoothing of labels',
      'task: multi-label\ndata: { train: a.csv }\ntrain: { loss: { labelSmoothing: 0.1 } }\n',
      'configs/x.yaml:3:18: train.loss.labelSmoothing: expected 0 beside kind: binary, whose targets are lists of labels, got 0.1',
    ],
    [
      'class weights of labels',
      'task: multi-label\ndata: { train: a.csv }\ntrain: { loss: { classWeights: balanced } }\n',
      'configs/x.yaml:3:18: train.loss.classWeights: expected null beside kind: binary, whose targets are lists of labels; positiveWeights weigh these',
    ],
    [
      'weights of labels for classes',
      `${minimal}train: { loss: { positiveWeights: { spam: 2 } } }\n`,
      'configs/x.yaml:4:18: train.loss.positiveWeights: expected null for a classifier, whose rows have no lists of labels',
    ],
    [
      'plain text for a classifier',
      `${minimal}  format: text\n`,
      'configs/x.yaml:4:3: data.format: expected "csv", "tsv", "jsonl" or "parquet" for the task classify, whose rows need labels, got "text"',
    ],
  ]);
});
