import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { packageFile } from '../../package-root.js';
import { fixedRoute, type Route } from './answer.js';

/** The page, a file without outside resources that the build makes of src/page/. */
export function pageRoute(file = packageFile('dist/page.html')): Route {
  const text = readFileSync(file, 'utf8');
  return fixedRoute('text/html; charset=utf-8', text, {
    'Content-Security-Policy': [
      "default-src 'none'",
      `script-src ${hashesOf(text, 'script')}`,
      `style-src ${hashesOf(text, 'style')}`,
      "connect-src 'self'",
      'img-src data:',
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join('; '),
    'Referrer-Policy': 'no-referrer',
  });
}

/** Nothing runs in the page but what was built into it, whatever a run's data say. */
function hashesOf(text: string, element: string): string {
  const contents = text.matchAll(new RegExp(`<${element}>([^]*?)</${element}>`, 'g'));
  return Array.from(contents, ([, content]) => {
    const digest = createHash('sha256').update(content!).digest('base64');
    return `'sha256-${digest}'`;
  }).join(' ');
}
