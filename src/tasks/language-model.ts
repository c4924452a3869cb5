import type { Task, TaskConfig, TaskProblem } from './task.js';

/** The next token of a text: all rows are one stream, whose pieces go on where those before have ended. */
export const languageModel = {
  kind: 'language-model',
  learns: 'the next token of a text',
  model: 'a language model',
  does: 'generates',
  command: 'generate',
  rows: 'joined',
  carries: true,
  per: 'token',
  target: 'next token',
  check({ model }: TaskConfig): TaskProblem[] {
    return model.layers.flatMap(({ direction }, index) =>
      direction === 'forwards'
        ? []
        : {
            path: ['model', 'layers', index, 'direction'],
            message: `expected "forwards" for a language model, got "${direction}": a layer that reads from the end has seen the token that is to be predicted`,
          },
    );
  },
  measure() {
    return { add: () => undefined, result: (loss) => ({ perplexity: Math.exp(loss) }) };
  },
} as const satisfies Task;
