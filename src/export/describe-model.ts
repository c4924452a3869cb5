import { WASM_HEAP_LIMIT } from '../backend/wasm.js';
import { foldWeights } from '../checkpoint/weights.js';
import { plannedBytes } from '../compute/engine-memory.js';
import { networkSizes } from '../compute/sizes.js';
import { decodingSizes } from '../decoding/translator.js';
import { UserError } from '../errors.js';
import { describeNetwork } from '../model/graph/describe.js';
import { taskOf } from '../tasks/registry.js';
import { undrawn } from '../decoding/undrawn.js';
import type { ReadModel } from '../use/read-model.js';
import { rowsAtOnce, sizesOfRows } from '../use/row-sizes.js';
import { FORMAT, SENTENCES_AT_ONCE, type ModelDescription } from '../web/description.js';
import type { WebTensor } from '../web/model-file.js';
import { portableTokenizer } from './portable-tokenizer.js';

/** Texts that are computed together, and tokens of them: a page has one thread, and its memory is nobody else's. */
const ON_A_PAGE = { rows: 16, tokens: 2048 };

/**
 * What a module needs of a model.
 *
 * @throws UserError for a tokenizer that browsers cannot have, and a network that is too large for them
 */
export function describeModel(read: ReadModel): {
  description: ModelDescription;
  tensors: WebTensor[];
} {
  const { config } = read;
  const isOfPairs = taskOf(config.task).gives === 'pairs';
  const { shape, weights } = isOfPairs ? foldWeights(read.shape, read.weights) : read;
  const description = describe({ ...read, shape });
  const bytes = plannedBytes('wasm', description.sizes);
  if (bytes > WASM_HEAP_LIMIT) {
    throw new UserError(
      `${read.found.checkpoint}: with its batches the model takes ${(bytes / 2 ** 30).toFixed(1)} GiB, and browsers' WebAssembly can address 4: export one with smaller sizes under model`,
    );
  }
  const tensors = describeNetwork(shape).parameters.map(({ name, shape }) => ({
    ...{ name, shape, data: weights.get(name)! },
  }));
  return { description, tensors };
}

function describe({
  config,
  vocabulary,
  shape,
}: Pick<ReadModel, 'config' | 'vocabulary' | 'shape'>): ModelDescription {
  const { task, data, model, train } = config;
  const { call, model: kind, does, target, gives } = taskOf(task);
  const isOfPairs = gives === 'pairs';
  const { tokenizer, sourceTokenizer, classes, features = [] } = vocabulary;
  const rows = { ...ON_A_PAGE, rows: rowsAtOnce(shape, ON_A_PAGE.rows) };
  const sizes = networkSizes(
    { ...config, workers: 1, teams: 1 },
    isOfPairs ? { ...shape, carries: true } : shape,
    [
      isOfPairs
        ? decodingSizes(config, undefined, SENTENCES_AT_ONCE)
        : sizesOfRows(config, shape, rows).rowSizes,
    ],
    false,
  );
  const { maxLength, maxSourceLength, truncate } = data;
  return {
    format: FORMAT,
    name: config.name,
    task: { call, model: kind, does, target, gives },
    sizes,
    config: {
      data: { maxLength, truncate, ...(maxSourceLength !== undefined && { maxSourceLength }) },
      model: model.attention ? { attention: { kind: model.attention.kind } } : {},
      train: { sequenceLength: train.sequenceLength },
    },
    undrawn: [...undrawn(data.tokenizer, tokenizer)],
    tokenizer: portableTokenizer(tokenizer, 'data.tokenizer'),
    ...(sourceTokenizer && {
      sourceTokenizer: portableTokenizer(sourceTokenizer, 'data.sourceTokenizer'),
    }),
    classes,
    features,
  };
}
