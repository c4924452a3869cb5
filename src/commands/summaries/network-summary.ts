import type { Config } from '../../config/schema.js';
import { longestRow, networkShape } from '../../compute/sizes.js';
import { summarizeNetwork, type LayerSummary } from '../../model/graph/summary.js';
import { formatCount, formatShare } from '../../observe/figures.js';
import { formatTable } from '../table.js';
import { counted } from '../../system/counted.js';

/** What a row of a layer's output belongs to. */
const PER = { row: 'row', token: 'token', distinct: 'distinct token' } as const;

/**
 * The network of a config.
 *
 * @param outputs classes of a classifier
 * @param vocabulary of the tokenizer
 * @param values of each feature of words; as many as there may be where absent
 * @param sourceVocabulary of the sources of pairs; that of the targets where absent
 */
export function summarizeConfig(
  config: Config,
  vocabulary: number,
  outputs: number,
  values?: readonly number[],
  sourceVocabulary?: number,
): LayerSummary[] {
  const classes = Array.from({ length: outputs }, (_, id) => String(id));
  return summarizeNetwork(
    networkShape(config, vocabulary, classes, { featureValues: values, sourceVocabulary }),
    longestRow(config),
  );
}

/** A table with a line a layer, and the sum of the parameters. */
export function describeSummary(layers: readonly LayerSummary[]): string[] {
  // A chain needs no word about what stands on what.
  const isGraph = layers.some(({ inputs }) => inputs !== undefined);
  const rows = layers.map(({ name, inputs = [], output, parameters, work }) => [
    name,
    ...(isGraph ? [inputs.join(', ')] : []),
    `${formatCount(columnsOf(output))} a ${output.spells ? 'distinct letter' : PER[output.per]}`,
    formatCount(parameters),
    formatShare(work),
  ]);
  const head = ['layer', ...(isGraph ? ['inputs'] : []), 'output', 'parameters', 'work'];
  const total = layers.reduce((sum, { parameters }) => sum + parameters, 0);
  return [...formatTable([head, ...rows]), counted(total, 'parameter')];
}

/** Without what fills whole panels up between states. */
function columnsOf({ width, states }: LayerSummary['output']): number {
  return states ? states.count * states.width : width;
}
