import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { UserError } from '../../src/errors.js';

/** The least that a config says: three lines. */
export const minimal = 'task: classify\ndata:\n  train: a.csv\n';

/** What is said of a config that is refused. */
export function refusalOf(text: string, overrides: string[] = []): string {
  try {
    parseConfig(text, 'configs/x.yaml', overrides);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message;
  }
  throw new Error('the config was accepted');
}

/** Each by what is wrong, the config, and what the first line of its refusal has in it. */
export function testRefusals(refusals: [name: string, text: string, sentence: string][]): void {
  test.each(refusals)('%s', (_, text, sentence) => {
    expect(refusalOf(text).split('\n')[0]).toContain(sentence);
  });
}
