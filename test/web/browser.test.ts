import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chromium, type Browser, type Page } from 'playwright-core';
import { chromium as program } from '../page/chromium.js';
import { describeModel } from '../../src/export/describe-model.js';
import { type ConfigInput, exportForWeb, openModel, train } from '../../src/index.js';
import { packageFile } from '../../src/package-root.js';
import { SharedModel } from '../../src/use/model-file.js';
import { formatModelFile } from '../../src/web/model-file.js';
import { colourRows, makeWorkplace } from '../e2e/corpus.js';
import { answer } from './answers.js';
import { makeModel, modelNames, sentences, texts } from './models.js';

const axe = readFileSync(packageFile('node_modules/axe-core/axe.min.js'), 'utf8');

const cwd = makeWorkplace();

/** Files by their paths, served without any header that a page would need for threads. */
const files = new Map<string, string | Uint8Array>();
const types: Record<string, string> = {
  js: 'text/javascript',
  html: 'text/html',
  wasm: 'application/wasm',
};

/** Answers in a worker what the test asks. */
const worker = (path: string): string => `
import { loadModel } from '${path}/lockstep.js';
const answer = ${answer.toString()};
onmessage = async ({ data: { call, texts, sentences } }) => {
  try {
    postMessage({ found: await answer(await loadModel(), call, texts, sentences) });
  } catch (error) {
    postMessage({ error: String(error) });
  }
};`;

describe.skipIf(program === undefined)(
  program === undefined
    ? 'exported models in Chromium (there is none here: apt-get install chromium)'
    : 'exported models in Chromium',
  () => {
    let server: Server;
    let browser: Browser;
    let page: Page;
    let address: string;
    const faults: string[] = [];

    beforeAll(async () => {
      server = createServer(({ url = '' }, response) => {
        const bytes = files.get(url);
        const type = types[url.split('.').at(-1)!] ?? 'application/octet-stream';
        response.writeHead(bytes === undefined ? 404 : 200, { 'content-type': type });
        response.end(bytes);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      for (const name of modelNames) {
        const { description, tensors } = describeModel(makeModel(name));
        const path = pathOf(name);
        for (const file of ['lockstep.js', 'index.html']) {
          files.set(`${path}/${file}`, readFileSync(packageFile(`dist/web/${file}`)));
        }
        files.set(
          `${path}/lockstep.wasm`,
          readFileSync(packageFile('kernels/wasm/lockstep-web.wasm')),
        );
        files.set(`${path}/model.safetensors`, formatModelFile(description, tensors));
        files.set(`${path}/worker.js`, worker(path));
      }
      browser = await chromium.launch({ executablePath: program!, args: ['--no-sandbox'] });
      page = await browser.newPage({ colorScheme: 'dark', viewport: { width: 400, height: 800 } });
      page.on('console', (message) => faults.push(message.text()));
      page.on('pageerror', (error) => faults.push(error.message));
    });
    afterAll(async () => {
      await browser.close();
      server.close();
    });

    // In a worker, too, that of one: all else is the same there.
    test.each(modelNames)('answer as Node does: %s', async (name) => {
      const read = makeModel(name);
      const own = new SharedModel(read);
      const { call } = describeModel(read).description.task;
      const expected = await answer(own, call, texts, sentences);
      await own.close();
      await page.goto(`${address}${pathOf(name)}/index.html`);
      expect(await page.evaluate('self.crossOriginIsolated')).toBe(false);
      const given = JSON.stringify({ call, texts, sentences });
      const onPage = `import('./lockstep.js').then(async ({ loadModel }) => {
        const { call, texts, sentences } = ${given};
        return (${answer.toString()})(await loadModel(), call, texts, sentences);
      })`;
      const inWorker = `new Promise((resolve, reject) => {
        const worker = new Worker('./worker.js', { type: 'module' });
        worker.onmessage = ({ data: { found, error } }) => error ? reject(new Error(error)) : resolve(found);
        worker.onerror = (event) => reject(new Error(event.message));
        worker.postMessage(${given});
      })`;
      for (const place of name === 'classify' ? [onPage, inWorker] : [onPage]) {
        const found: Awaited<ReturnType<typeof answer>> = await page.evaluate(place);
        expect(found.words).toEqual(JSON.parse(JSON.stringify(expected.words)));
        expect(found.numbers).toHaveLength(expected.numbers.length);
        const apart = found.numbers.map((number, i) => Math.abs(number - expected.numbers[i]!));
        expect(Math.max(0, ...apart)).toBeLessThan(1e-5);
      }
    });

    test('of a run in bfloat16 answer nearly as it does in Node, since they multiply float32', async () => {
      const runDir = join(cwd, 'rounded');
      const config: ConfigInput = {
        task: 'classify',
        data: { train: join(cwd, 'colours.csv'), storeDir: join(cwd, 'stores') },
        model: { embedding: 16, layers: [{ hiddenSize: 32, direction: 'both' }] },
        train: { precision: 'bfloat16', epochs: 12, optimizer: { learningRate: 0.01 } },
        workers: 1,
      };
      await train(config, { runDir });
      await exportForWeb(runDir, join(cwd, 'exported'));
      for (const name of readdirSync(join(cwd, 'exported'))) {
        files.set(`/rounded/${name}`, readFileSync(join(cwd, 'exported', name)));
      }
      const rows = colourRows().map(({ text }) => text);
      const model = await openModel(runDir);
      const expected = (await model.classify(rows)).flatMap((each) => Array.from(each));
      await model.close();
      await page.goto(`${address}/rounded/index.html`);
      const found: number[] =
        await page.evaluate(`import('./lockstep.js').then(async ({ loadModel }) => {
        const model = await loadModel();
        return (await model.classify(${JSON.stringify(rows)})).flatMap((each) => Array.from(each));
      })`);
      const apart = found.map((probability, i) => Math.abs(probability - expected[i]!));
      expect(apart).toHaveLength(3 * rows.length);
      // Operands keep 8 bits: a logit of some units moves in its third digit.
      expect(Math.max(...apart)).toBeLessThan(0.01);
      expect(Math.max(...apart)).toBeGreaterThan(1e-5);
      // Whatever nears certainty is told alike.
      expected.forEach((probability, i) => {
        if (probability > 0.6) expect(found[i]).toBeGreaterThan(0.5);
      });
    });

    test('are used by their page, whose policy allows nothing from elsewhere', async () => {
      faults.length = 0;
      await page.goto(`${address}${pathOf('classify')}/index.html`);
      await page.getByLabel('Text').fill('the river ran under an old bridge');
      await expect.poll(() => page.locator('tbody tr').count()).toBe(3);
      await page.goto(`${address}${pathOf('words')}/index.html`);
      await page.getByLabel('Tokens').fill('7');
      await page.getByRole('button').click();
      await expect.poll(() => page.locator('#output').textContent()).toMatch(/(\S+ ){3}/);
      expect(faults).toEqual([]);
    });

    test.each(['light', 'dark'] as const)(
      'have a page that axe finds nothing to mend on: %s',
      async (colorScheme) => {
        // The tool is put in from outside, which the page's own policy forbids.
        const other = await browser.newPage({ colorScheme, bypassCSP: true });
        for (const name of ['labels', 'tag', 'translate'] as const) {
          await other.goto(`${address}${pathOf(name)}/index.html`);
          await other.locator('textarea').fill('the river');
          const button = other.getByRole('button');
          if (await button.isVisible()) await button.click();
          await other.locator('#output > *').first().waitFor();
          await other.evaluate(axe);
          const violations: unknown = await other.evaluate(
            'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]))',
          );
          expect(violations).toEqual([]);
        }
        await other.close();
      },
    );
  },
);

function pathOf(name: string): string {
  return `/${name.replaceAll(' ', '-')}`;
}
