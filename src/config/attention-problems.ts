import { taskOf } from '../tasks/registry.js';
import type { Problem } from './problem.js';
import type { Config } from './schema.js';

const usual = { heads: 1, inputFeeding: false };

/** Options of attention that nothing would read. */
export function* checkAttention({ task, model: { attention } }: Config): Generator<Problem> {
  if (attention === undefined) return;
  const { gives, target, model } = taskOf(task);
  if (target !== 'next token') return;
  if (attention.kind === 'none') {
    for (const key of ['heads', 'width', 'after', 'inputFeeding', 'span'] as const) {
      const value = attention[key];
      if (value === undefined || value === usual[key as keyof typeof usual]) continue;
      const message = `expected nothing beside kind: none, got ${value}`;
      yield { path: ['model', 'attention', key], message };
    }
    return;
  }
  if (gives === 'pairs' && attention.span !== undefined) {
    yield {
      path: ['model', 'attention', 'span'],
      message: `expected nothing for ${model}, whose tokens attend to all of the source, got ${attention.span}`,
    };
  }
}
