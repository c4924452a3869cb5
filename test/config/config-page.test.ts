import { readFileSync } from 'node:fs';
import * as prettier from 'prettier';
import { expect, test } from 'vitest';
import { formatConfigPage } from '../../src/config/config-page.js';
import { configJsonSchema, type SchemaNode } from '../../src/config/json-schema.js';
import { packageFile } from '../../src/package-root.js';

const file = packageFile('docs/config.md');
const page = readFileSync(file, 'utf8');

test('docs/config.md is what scripts/config-page.js writes', async () => {
  const options = await prettier.resolveConfig(file);
  const written = await prettier.format(formatConfigPage(), { ...options, parser: 'markdown' });
  expect(page).toBe(written);
});

test('the page has every key of the schema, and links that lead somewhere', () => {
  const seen = new Set<object>();
  const keys = new Set<string>();
  const visit = (node: SchemaNode | false | undefined): void => {
    if (!node || seen.has(node)) return;
    seen.add(node);
    for (const [key, value] of Object.entries(node.properties ?? {})) {
      keys.add(key);
      visit(value);
    }
    [node.items, node.additionalProperties, ...(node.anyOf ?? []), ...(node.oneOf ?? [])].forEach(
      visit,
    );
  };
  visit(configJsonSchema());
  expect(keys.size).toBeGreaterThan(80);
  expect(Array.from(keys).filter((key) => !page.includes(`- \`${key}\` (`))).toEqual([]);
  const anchor = (title: string) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-');
  const headings = new Set(Array.from(page.matchAll(/^## (.*)$/gm), ([, title]) => anchor(title!)));
  const targets = Array.from(page.matchAll(/\]\(#([^)]*)\)/g), ([, target]) => target!);
  expect(targets.filter((target) => !headings.has(target))).toEqual([]);
});
