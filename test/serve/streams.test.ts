import { describe, expect, it } from 'vitest';
import type { GenerateOptions, TrainedModel } from '../../src/train/trained-model.js';
import { stubLanguageModel } from '../commands/stub.js';
import { useServer } from './serving.js';

const serve = useServer();

/** Counts from 0 for as long as it is asked to go on. */
function countingModel(): { model: TrainedModel; written: () => number; hasEnded: () => boolean } {
  let written = 0;
  let hasEnded = false;
  return {
    written: () => written,
    hasEnded: () => hasEnded,
    model: {
      ...stubLanguageModel(),
      async *generate({ length = 0 }: GenerateOptions) {
        try {
          for (; written < length; written++) {
            await new Promise((resolve) => setImmediate(resolve));
            yield `${written}\n`;
          }
        } finally {
          hasEnded = true;
        }
      },
    },
  };
}

describe('text that is generated over HTTP', () => {
  it('comes as a stream of plain text', async () => {
    const { post } = await serve(countingModel().model);
    const answer = await post('/generate', { length: 4 });
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(answer.headers.get('transfer-encoding')).toBe('chunked');
    expect(await answer.text()).toBe('0\n1\n2\n3\n');
  });

  it('as events, the last of which tells who has written', async () => {
    const { post } = await serve(countingModel().model);
    const answer = await post('/generate', { length: 2 }, { accept: 'text/event-stream' });
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    expect(await answer.text()).toBe(
      'data: {"text":"0\\n"}\n\ndata: {"text":"1\\n"}\n\nevent: end\ndata: {"checkpoint":"step-00000007"}\n\n',
    );
  });

  it('or at once', async () => {
    const { post } = await serve(stubLanguageModel());
    const answer = await post(
      '/generate',
      { prompt: 'a', length: 5, topK: 3 },
      { accept: 'application/json' },
    );
    expect(await answer.json()).toEqual({
      text: ' length=5 temperature=0.8 topK=3 seed=1',
      checkpoint: 'step-00000007',
    });
  });

  it('is no longer than the server allows', async () => {
    const { post } = await serve(countingModel().model, { limits: { length: 100 } });
    const answer = await post('/generate', { length: 101 });
    expect([answer.status, await answer.json()]).toEqual([
      400,
      { error: 'length: expected a number <= 100, got 101' },
    ]);
    expect((await (await post('/generate', {})).text()).split('\n')).toHaveLength(101);
  });

  it('ends when its reader has gone, and gives its place free', async () => {
    const { model, hasEnded } = countingModel();
    const { post, get } = await serve(model, { limits: { length: 1e9 } });
    const leave = new AbortController();
    const url = await post('/generate', { length: 1e9 });
    const reader = url.body!.getReader();
    await reader.read();
    await reader.cancel();
    leave.abort();
    await expect.poll(hasEnded).toBe(true);
    expect(await (await get('/metrics')).text()).toContain('\nlockstep_serve_queue_texts 0\n');
  });

  it('waits for a reader that takes nothing, and ends when its time is over', async () => {
    const { model, hasEnded, written } = countingModel();
    const { post } = await serve(model, { limits: { length: 1e9, timeoutMs: 500 } });
    const answer = await post('/generate', { length: 1e9 });
    const reader = answer.body!.getReader();
    await reader.read();
    await expect(
      (async () => {
        while (!(await reader.read()).done);
      })(),
    ).rejects.toThrow();
    await expect.poll(hasEnded).toBe(true);
    expect(written()).toBeLessThan(1e8);
  });

  it('is refused in a sentence where it cannot begin', async () => {
    const { post } = await serve(stubLanguageModel(), { limits: { queue: 1, texts: 1 } });
    const answer = await post('/generate', { seed: -1 });
    expect([answer.status, await answer.json()]).toEqual([
      400,
      { error: 'seed: expected a number >= 0, got -1' },
    ]);
  });
});
