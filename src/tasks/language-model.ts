import { walkLayers } from '../model/stack-layers.js';
import type { Task, TaskConfig, TaskProblem } from './task.js';

/** The next token of a text: all rows are one stream, whose pieces go on where those before have ended. */
export const languageModel = {
  kind: 'language-model',
  learns: 'the next token of a text',
  model: 'a language model',
  does: 'generates',
  call: 'generate',
  command: 'generate',
  rows: 'joined',
  carries: true,
  gives: 'text',
  formats: ['csv', 'tsv', 'jsonl', 'text', 'parquet'],
  expects: 'text, CSV, TSV, JSONL or Parquet',
  per: 'token',
  target: 'next token',
  named: { one: 'token', several: 'tokens' },
  losses: ['softmax'],
  check({ model, data: { format } }: TaskConfig): TaskProblem[] {
    const problems: TaskProblem[] = [];
    if (format === 'conll') {
      problems.push({
        path: ['data', 'format'],
        message: 'expected a layout of texts for a language model, got "conll"',
      });
    }
    const layers = [...walkLayers(model.layers)];
    const backwards = layers.flatMap(({ layer: { direction = 'forwards' }, path }) =>
      direction === 'forwards'
        ? []
        : {
            path: ['model', ...path, 'direction'],
            message: `expected "forwards" for a language model, got ${JSON.stringify(direction)}: a layer that reads from the end has seen the token that is to be predicted`,
          },
    );
    return [...problems, ...backwards];
  },
  measures: () => ['accuracy', 'perplexity'],
  measure() {
    return {
      add: () => undefined,
      result: (crossEntropy) => ({ perplexity: Math.exp(crossEntropy) }),
    };
  },
} as const satisfies Task;
