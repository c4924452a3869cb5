import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { describeModel } from '../../src/export/describe-model.js';
import { packageFile } from '../../src/package-root.js';
import { SharedModel } from '../../src/use/model-file.js';
import { formatModelFile } from '../../src/web/model-file.js';
import type * as face from '../../src/web/public.js';
import { answer } from './answers.js';
import { makeModel, modelNames, sentences, texts } from './models.js';

const module = packageFile('dist/web/lockstep.js');
const kernels = readFileSync(packageFile('kernels/wasm/lockstep-web.wasm'));
const { loadModel } = (await import(module)) as typeof face;

const opened: SharedModel[] = [];
afterAll(() => Promise.all(opened.map((model) => model.close())));

describe.each(modelNames)('the module with %s', (name) => {
  const read = makeModel(name);
  const { description, tensors } = describeModel(read);
  const bytes = formatModelFile(description, tensors);

  test('answers as the library does', async () => {
    const own = new SharedModel(read);
    opened.push(own);
    const { call } = description.task;
    const expected = await answer(own, call, texts, sentences);
    for (const [given, sentence] of [
      [{ modell: 'x' }, 'modell: unknown option; did you mean model?'],
      [{ model: 5 }, 'model: expected an address or bytes, got 5'],
      [null, 'expected options with a model or kernels, got null'],
      [5, 'expected options with a model or kernels, got 5'],
    ] as const) {
      await expect(loadModel(given as never)).rejects.toThrow(`loadModel: ${sentence}`);
    }
    const model = await loadModel({ model: new Uint8Array(bytes), kernels });
    const found = await answer(model, call, texts, sentences);
    expect(found.words).toEqual(expected.words);
    expect(found.numbers).toHaveLength(expected.numbers.length);
    const apart = found.numbers.map((number, i) => Math.abs(number - expected.numbers[i]!));
    expect(Math.max(0, ...apart)).toBeLessThan(1e-5);
  });

  test('has a description that is the same when it has been written and read', () => {
    expect(JSON.parse(JSON.stringify(description))).toEqual(description);
  });
});

test('the module and the kernels take less than 150 kB, compressed as servers do it', () => {
  const bytes = [readFileSync(module), kernels].map((file) => gzipSync(file).length);
  expect(bytes[0]! + bytes[1]!).toBeLessThan(150_000);
});

test('the declarations name nothing outside of their file', () => {
  const text = readFileSync(packageFile('dist/web/lockstep.d.ts'), 'utf8');
  expect(text).not.toMatch(/ from '/);
  const declared = [...text.matchAll(/^export (?:interface|type|declare function) (\w+)/gm)];
  const names = declared.map(([, name]) => name!);
  expect(names.toSorted()).toEqual([
    ...['DrawOptions', 'FileSource', 'GenerateOptions', 'LoadOptions', 'Model', 'Sentence'],
    ...['TranslateOptions', 'Translated', 'Translation', 'loadModel'],
  ]);
});

test('a beam that takes more memory than there is is refused in a sentence', async () => {
  const { description, tensors } = describeModel(makeModel(modelNames.find((name) => name.includes('translat'))!)); // prettier-ignore
  const model = await loadModel({
    model: new Uint8Array(formatModelFile(description, tensors)),
    kernels,
  });
  const memory = vi.spyOn(WebAssembly, 'Memory').mockImplementation(function () {
    throw new RangeError('WebAssembly.Memory(): could not allocate memory');
  });
  const asked = model.translate(texts, { beam: 1000 });
  await expect(asked).rejects.toThrow(
    /^the model takes \d+ MiB of memory for this, which is not to be had here: where it translates, a narrower beam takes less$/,
  );
  memory.mockRestore();
  expect(await model.translate(texts)).toHaveLength(texts.length);
});
