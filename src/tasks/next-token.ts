/** What tasks have in common that learn the tokens of a text, each from those before it. */
export const nextToken = {
  per: 'token',
  target: 'next token',
  named: { one: 'token', several: 'tokens' },
  losses: ['softmax'],
  measures: () => ['accuracy', 'perplexity'] as const,
  measure() {
    return {
      add: () => undefined,
      result: (crossEntropy: number) => ({ perplexity: Math.exp(crossEntropy) }),
    };
  },
} as const;
