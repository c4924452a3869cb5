import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium as playwright, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serveBoard, type BoardServer } from '../../src/observe/server/serve-board.js';
import { logOf } from '../observe/board/logs.js';
import { chromium } from './chromium.js';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-page-'));
const keys = { host: '--host', port: '--port' };
const access = { host: '127.0.0.1', hosts: [], token: null };
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const going = join(folder, 'going');
const lines = logOf(300, 50);

let browser: Browser;
let server: BoardServer;
let page: Page;
let faults: string[];

const figure = (name: string) => page.locator(`figure[data-chart="${name}"]`);
/** What the header says of a figure. */
const told = (name: string) =>
  page
    .locator('.figures div')
    .filter({ has: page.getByText(name, { exact: true }) })
    .locator('dd')
    .textContent();
const serve = (root: string, port = 0) => serveBoard([root], { access, port, share: 1 }, keys);

function writeRun(directory: string, steps: number, loss: (step: number) => number): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'metrics.jsonl'), logOf(steps, 50, { loss }).join(''));
  const config = `task: classify\ndata: { train: [a.csv] }\ntrain: { epochs: ${steps / 50} }\n`;
  writeFileSync(join(directory, 'config.yaml'), config);
}

async function visit(url: string, options: object = {}): Promise<void> {
  page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options });
  faults = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('ERR_')) faults.push(message.text());
  });
  await page.goto(url);
  await figure('Loss').locator('canvas').waitFor();
}

/** What axe-core finds fault with, each with its place. */
async function findBarriers(): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    interface Axe {
      run: () => Promise<{ violations: { id: string; nodes: { html: string }[] }[] }>;
    }
    const { violations } = await (globalThis as unknown as { axe: Axe }).axe.run();
    return violations.map(({ id, nodes }) => `${id}: ${nodes[0]!.html.slice(0, 200)}`);
  });
}

const needed =
  chromium === undefined ? ' (skipped: there is no Chromium here: apt-get install chromium)' : '';

describe.skipIf(chromium === undefined)(`the page in a browser${needed}`, () => {
  beforeAll(async () => {
    writeRun(join(folder, 'runs/first'), 200, (step) => 1 / step);
    writeRun(join(folder, 'runs/second'), 400, (step) => 2 / step);
    writeRun(join(folder, 'runs/third'), 300, (step) => 1 / step);
    server = await serve(join(folder, 'runs/third'));
    mkdirSync(going);
    writeFileSync(join(going, 'metrics.jsonl'), lines.slice(0, 120).join(''));
    browser = await playwright.launch({ executablePath: chromium!, args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser.close();
    await server.close();
    rmSync(folder, { recursive: true });
  });

  test('follows a run that goes on, also when its server was away', async () => {
    const first = await serve(going);
    await visit(first.url);
    await expect.poll(() => told('Step')).toMatch(/^\d+ \/ 300$/);
    const before = await told('Step');
    appendFileSync(join(going, 'metrics.jsonl'), lines.slice(120, 200).join(''));
    await expect.poll(() => told('Step')).not.toBe(before);
    await first.close();
    await expect.poll(() => page.locator('.state').textContent()).toContain('not reachable');
    appendFileSync(join(going, 'metrics.jsonl'), lines.slice(200).join(''));
    const second = await serve(going, Number(new URL(first.url).port));
    await expect.poll(() => told('Step')).toBe('300 / 300');
    expect(await page.locator('.state').textContent()).toBe('finished');
    await figure('Loss').getByText('Values as a table').click();
    expect(await figure('Loss').locator('tbody tr').last().textContent()).toContain(
      '300validation',
    );
    expect(faults).toEqual([]);
    await page.close();
    await second.close();
  });

  test('shows a step that is clicked on, texts of the data as the texts they are', async () => {
    await visit(server.url);
    const plot = figure('Loss').locator('.u-over');
    // So close that neighbouring steps are far from each other.
    await page.getByLabel('First step').fill('296');
    await page.getByLabel('Last step').fill('300');
    await page.keyboard.press('Enter');
    const { width, height } = (await plot.boundingBox())!;
    const position = { x: width - 5, y: height - 5 };
    await plot.hover({ position });
    const hint = figure('Loss').locator('.hint');
    await expect.poll(() => hint.textContent()).toMatch(/^step 300training 0\.00/);
    await plot.click({ position });
    const dialog = page.locator('dialog');
    await dialog.locator('h2').getByText('Step 300 of third').waitFor();
    await dialog.getByText('Confusion of classes').waitFor();
    expect(await dialog.textContent()).toContain('<img src=x onerror=alert(1)>');
    expect(await page.locator('img').count()).toBe(0);
    await page.keyboard.press('Escape');
    expect(await dialog.isVisible()).toBe(false);
    expect(faults).toEqual([]);
    await page.close();
  });

  test('looks closer at a stretch that is dragged over, and goes back', async () => {
    await visit(server.url);
    const plot = figure('Loss').locator('.u-over');
    const { x, y, width } = (await plot.boundingBox())!;
    await page.mouse.move(x + width * 0.4, y + 50);
    await page.mouse.down();
    await page.mouse.move(x + width * 0.6, y + 60, { steps: 4 });
    await page.mouse.up();
    const from = page.getByLabel('First step');
    await expect.poll(() => from.inputValue()).toMatch(/^1[12]\d$/);
    await page.getByRole('button', { name: 'All steps' }).click();
    expect(await from.inputValue()).toBe('');
    await page.getByLabel('First step').fill('250');
    await page.keyboard.press('Enter');
    await figure('Loss').getByText('Values as a table').click();
    await expect
      .poll(() => figure('Loss').locator('tbody th').first().textContent())
      .toMatch(/^2[45]\d$/);
    await page.close();
  });

  test('is used with the keyboard alone', async () => {
    await visit(server.url);
    await figure('Loss').locator('.plot').focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    expect(await figure('Loss').locator('.hint').textContent()).toMatch(/^step 2training/);
    await page.keyboard.press('Enter');
    await page.locator('dialog h2').getByText('Step 2 of third').waitFor();
    await page.close();
  });

  test('has no barriers, light, dark and narrow, and nothing is wider than a phone', async () => {
    for (const options of [
      { colorScheme: 'light' },
      { colorScheme: 'dark' },
      { colorScheme: 'light', viewport: { width: 400, height: 800 } },
    ]) {
      await visit(server.url, options);
      await page.locator('section[aria-label=Config] tbody tr').first().waitFor();
      await page.getByText('Confusion of classes').waitFor();
      expect(await findBarriers()).toEqual([]);
      const width = await page.evaluate('document.documentElement.scrollWidth');
      expect(width).toBeLessThanOrEqual(options.viewport?.width ?? 1280);
      await page.close();
    }
  });

  test('compares runs: their curves, their results, their configs', async () => {
    const board = await serve(join(folder, 'runs'));
    await visit(board.url);
    await page.getByLabel('Show first').setChecked(true);
    await page.getByLabel('Show second').setChecked(true);
    await page.getByLabel('Show third').setChecked(false);
    const legend = figure('Loss').locator('.legend li');
    await expect
      .poll(() => legend.allTextContents())
      .toEqual(expect.arrayContaining(['first training', 'second training']) as string[]);
    const difference = page.locator('section[aria-label="Difference of configs"]');
    await expect
      .poll(() => difference.locator('tbody tr').allTextContents())
      .toEqual([expect.stringMatching(/^train\.epochs(48|84)$/)]);
    const steps = page.getByRole('button', { name: 'steps', exact: true });
    await steps.click();
    const names = page.locator('.runs tbody th');
    await expect.poll(() => names.allTextContents()).toEqual(['second', 'third', 'first']);
    expect(await findBarriers()).toEqual([]);
    expect(faults).toEqual([]);
    await page.close();
    await board.close();
  });
});
