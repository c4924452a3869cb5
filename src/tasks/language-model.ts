import { walkLayers } from '../model/graph/stack-layers.js';
import { nextToken } from './next-token.js';
import type { Task, TaskConfig, TaskProblem } from './task.js';

/** The next token of a text: all rows are one stream, whose pieces go on where those before have ended. */
export const languageModel = {
  ...nextToken,
  kind: 'language-model',
  learns: 'the next token of a text',
  model: 'a language model',
  does: 'generates',
  call: 'generate',
  command: 'generate',
  rows: 'joined',
  carries: true,
  gives: 'text',
  tokenizer: 'word',
  formats: ['csv', 'tsv', 'jsonl', 'text', 'parquet'],
  expects: 'text, CSV, TSV, JSONL or Parquet',
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
} as const satisfies Task;
