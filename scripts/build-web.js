import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { buildSync } from 'esbuild';
import { licencesOf } from './licences.js';

/**
 * Writes what exported models come with to `dist`/web: the module for browsers with its declarations, a page that uses it, and the
 * licences of the packages in it.
 *
 * @param root of the package
 * @param dist where src/ has been compiled to
 */
export function buildWebModule(root, dist) {
  const out = path.join(dist, 'web');
  const compiled = path.join(dist, 'src/web');
  mkdirSync(out);
  const { metafile } = buildSync({
    absWorkingDir: root,
    entryPoints: [path.join(compiled, 'module.js')],
    outfile: path.join(out, 'lockstep.js'),
    bundle: true,
    minify: true,
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    // See there: a page with a strict policy runs no code that is made of strings.
    alias: { ndarray: path.join(compiled, 'views.js') },
    metafile: true,
    logLevel: 'warning',
    banner: {
      js: '// A model that Lockstep has trained; LICENSES.txt has the licences of what is in here.',
    },
  });
  const declarations = declarationsOf(path.join(compiled, 'public.d.ts'));
  writeFileSync(path.join(out, 'lockstep.d.ts'), declarations);
  writeFileSync(path.join(out, 'index.html'), pageOf(path.join(root, 'src/web/page')));
  const own = `Lockstep\n\n${readFileSync(path.join(root, 'LICENSE'), 'utf8')}`;
  const others = licencesOf(root, Object.keys(metafile.inputs));
  writeFileSync(path.join(out, 'LICENSES.txt'), `${own}\n${'-'.repeat(80)}\n\n${others}\n`);
}

/** What a file of types declares, with what it imports from other such files in the place of the imports. */
function declarationsOf(file, taken = new Set()) {
  if (taken.has(file)) return '';
  taken.add(file);
  return readFileSync(file, 'utf8').replace(
    /^(?:import|export) type .* from '(\.[^']+)\.js';\n/gm,
    (_, name) => declarationsOf(path.join(path.dirname(file), `${name}.d.ts`), taken),
  );
}

/** The page in one file. Its policy allows its own script and style, the module beside it and WebAssembly, and nothing from elsewhere. */
function pageOf(folder) {
  const read = (name) => readFileSync(path.join(folder, name), 'utf8');
  const { outputFiles } = buildSync({
    entryPoints: [path.join(folder, 'page.css')],
    bundle: true,
    write: false,
    logLevel: 'warning',
  });
  const [style, script] = [`\n${outputFiles[0].text}`, `\n${read('page.js')}`];
  const policy = [
    "default-src 'none'",
    `script-src 'self' 'wasm-unsafe-eval' ${hashOf(script)}`,
    `style-src ${hashOf(style)}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  // By functions: a dollar sign in what is put in would mean something else.
  return read('index.html')
    .replace('content="policy"', () => `content="${policy}"`)
    .replace('<style></style>', () => `<style>${style}</style>`)
    .replace('<script type="module"></script>', () => `<script type="module">${script}</script>`);
}

function hashOf(text) {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
