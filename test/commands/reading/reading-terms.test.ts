import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import {
  evaluateTerms,
  inTerms,
  predictTerms,
  refuseInTerms,
  translatorTerms,
} from '../../../src/commands/reading/reading-terms.js';
import { listSources } from '../../../src/data/input/sources.js';
import { readingOptions } from '../../../src/commands/options/options.js';

/** Every piece of advice about a key of a config that reading files gives, as it stands in the code. */
function listAdvice(): string[] {
  return ['src/data/formats', 'src/data/input', 'src/data/prepare'].flatMap((room) =>
    readdirSync(room, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .flatMap((name) => {
        const code = readFileSync(join(room, name), 'utf8');
        return ['data.text', 'data.label', 'model.features'].flatMap((key) =>
          Array.from(
            code
              .replaceAll('${key}', key)
              .matchAll(/(?:\bif it [\w ]+, )?\b[Ss]et (?:data|model)\.[^'`]*?(?=['`])/g),
            ([advice]) => advice,
          ),
        );
      }),
  );
}

/** As it is said: a value in the place of what is told by the file, and the end of a sentence. */
function say(advice: string): string {
  return `${advice.replaceAll(/\$\{.*\}/g, 'this').replace(/\.$/, '')}.`;
}

test('advice to set a key of the config is given in terms of what predict and evaluate take', () => {
  const advice = listAdvice().map(say);
  expect(advice.length).toBeGreaterThan(8);
  const unnamed = advice.filter((each) => /^if it .* data\.format/.test(each));
  expect(new Set(unnamed).size).toBe(2);
  for (const each of advice) {
    const asPredict = inTerms(predictTerms, each);
    // Rows of the training files alone are looked at for a header.
    if (!each.includes('data.header')) expect(asPredict, each).not.toMatch(/(?:data|model)\.\w/);
    for (const [, option] of asPredict.matchAll(/--([a-z-]+)/g)) {
      expect([...Object.keys(readingOptions), 'on-bad-row'], each).toContain(option);
    }
    const asEvaluate = inTerms(evaluateTerms, each);
    expect(asEvaluate, each).not.toMatch(/(?:data|model)\.\w/);
    expect(asEvaluate, each).not.toContain('--');
    // Standard input, which is what such advice is about, has no name.
    if (unnamed.includes(each)) expect(asEvaluate).toMatch(/give it as a file/);
  }
});

test.each(['data.text', 'data.label', 'a column of model.features'])(
  'so is what CoNLL files lack: names, as %s has them',
  (key) => {
    const said = `expected the number of one, from 1, as ${key}, got "pos".`;
    for (const terms of [predictTerms, evaluateTerms]) {
      expect(inTerms(terms, said)).toMatch(/^(?:give|expected JSON Lines) [^.]*"pos"\.$/);
    }
  },
);

test('a translator is told of --target where a file is no table', async () => {
  const file = fileURLToPath(new URL('../../seed.ts', import.meta.url));
  const request = { patterns: [file], format: undefined, key: '--data' };
  const refused = refuseInTerms(translatorTerms, () => listSources(request, () => undefined));
  await expect(refused).rejects.toThrow(/; of plain text --target names the translations\.$/);
});
