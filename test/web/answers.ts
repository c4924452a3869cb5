import type { Model } from '../../src/web/public.js';

/** What a model is asked in a browser and in Node alike; in a browser it is this function's text. */
export async function answer(
  model: Pick<Model, 'classify' | 'regress' | 'tag' | 'generate' | 'translate' | 'embed'>,
  call: Model['call'],
  texts: readonly string[],
  sentences: readonly { tokens: readonly string[]; columns: readonly (readonly string[])[] }[],
): Promise<{ words: unknown[]; numbers: number[] }> {
  const embed = async (inputs: Parameters<typeof model.embed>[0]): Promise<number[]> =>
    (await model.embed(inputs)).flatMap((each) => Array.from(each));
  switch (call) {
    case 'classify': {
      const found = await model.classify(texts);
      const numbers = found.flatMap((each) => Array.from(each));
      return { words: [], numbers: [...numbers, ...(await embed(texts))] };
    }
    case 'regress':
      return { words: [], numbers: [...(await model.regress(texts)), ...(await embed(texts))] };
    case 'tag':
      return { words: await model.tag(sentences), numbers: await embed(sentences) };
    case 'generate': {
      const words: string[] = [];
      for (const [seed, prompt] of texts.slice(0, 9).entries()) {
        const options = { prompt, length: 20, temperature: 0.7, topK: 0, seed };
        let text = '';
        for await (const piece of model.generate(options)) text += piece;
        words.push(text);
      }
      return { words, numbers: await embed(texts) };
    }
    case 'translate': {
      const found = [
        ...(await model.translate(texts, { best: 2 })),
        // Wider than an engine is made for.
        ...(await model.translate(texts.slice(0, 3), { beam: 12 })),
      ];
      const all = found.flatMap(({ translations }) => translations);
      return {
        words: all.map(({ text, tokens, alignment, isCut }) => [text, tokens, alignment, isCut]),
        numbers: all.flatMap(({ logProbability, score }) => [logProbability, score]),
      };
    }
  }
}
