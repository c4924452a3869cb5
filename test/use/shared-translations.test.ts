import { expect, it } from 'vitest';
import type { TranslateOptions, Translated } from '../../src/decoding/translation.js';
import { SharedTranslations } from '../../src/use/shared-translations.js';

/** Turns texts round when the test lets it. */
function turning() {
  const asked: { texts: readonly string[]; options: TranslateOptions | undefined }[] = [];
  const waiting: (() => void)[] = [];
  const translator = {
    async translate(texts: readonly string[], options?: TranslateOptions): Promise<Translated[]> {
      asked.push({ texts, options });
      await new Promise<void>((resolve) => waiting.push(resolve));
      if (texts.includes('fail')) throw new Error('no engine');
      return texts.map((text) => ({
        translations: [],
        sourceTokens: text.split('').toReversed(),
        unread: 0,
      }));
    },
  };
  const shared = new SharedTranslations(translator);
  const goOn = async (): Promise<void> => {
    waiting.shift()!();
    await new Promise((resolve) => setImmediate(resolve));
  };
  const wordsOf = async (told: Promise<Translated[]>): Promise<string[]> =>
    (await told).map(({ sourceTokens }) => sourceTokens.join(''));
  return { asked, shared, goOn, wordsOf };
}

it('translates calls that wait together, those with the same options, each gets its own', async () => {
  const { asked, shared, goOn, wordsOf } = turning();
  const first = wordsOf(shared.translate(['ab'], {}));
  await Promise.resolve();
  await Promise.resolve();
  const second = wordsOf(shared.translate(['cd', 'ef'], { beam: 2, best: 1 }));
  const third = wordsOf(shared.translate(['gh'], { beam: 3 }));
  const fourth = wordsOf(shared.translate(['ij'], { best: 1, beam: 2 }));
  const none = wordsOf(shared.translate([], { beam: 2, best: 1 }));
  await goOn();
  await goOn();
  await goOn();
  expect(asked.map(({ texts }) => texts)).toEqual([['ab'], ['cd', 'ef', 'ij'], ['gh']]);
  expect(asked[1]!.options).toEqual({ beam: 2, best: 1 });
  expect(await Promise.all([first, second, third, fourth, none])).toEqual([
    ['ba'],
    ['dc', 'fe'],
    ['hg'],
    ['ji'],
    [],
  ]);
});

it('lets a call with many texts go its own way, and fails those calls alone that it concerns', async () => {
  const { asked, shared, goOn, wordsOf } = turning();
  const many = Array.from({ length: 65 }, (_, i) => `${i}`);
  const long = wordsOf(shared.translate(many, {}));
  const failing = shared.translate(['fail'], {});
  const beside = shared.translate(['a'], {});
  await new Promise((resolve) => setImmediate(resolve));
  const later = wordsOf(shared.translate(['bc'], {}));
  expect(asked.map(({ texts }) => texts.length)).toEqual([65, 2]);
  await goOn();
  expect(await long).toHaveLength(65);
  void goOn();
  await expect(failing).rejects.toThrow('no engine');
  await expect(beside).rejects.toThrow('no engine');
  await goOn();
  expect(await later).toEqual(['cb']);
});
