/**
 * Compiles src/ and workers/ to dist/ with tsc, and shows what tsc says. The command line and the entries of threads become
 * bundles, with the packages that they need at their start: whoever loads some hundred files, each of its own, takes twice
 * to three times as long to start. What a library's user loads stays as it was compiled. dist/web has what exported models come with.
 */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { buildWebModule } from './build-web.js';
import { kernelDigest } from './kernel-sources.js';
import { licencesOf } from './licences.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = path.join(root, 'dist');
// Beside dist and swapped for it, so that no stale file stays and a failure changes nothing.
const fresh = `${dist}.new-${process.pid}`;

/** Packages that have files of their own to load, or that few runs need. */
const outside = [
  'fast-csv',
  'hyparquet',
  'hyparquet-compressors',
  'piscina',
  'prom-client',
  'tokenizers',
  // More than half of Fastify, which it loads where somebody asks for it: the server does not.
  '@fastify/ajv-compiler',
  '@fastify/fast-json-stringify-compiler',
  'light-my-request',
  'pino',
];

/** What loads all it needs when it starts: a file each, which takes less time than parts that they share. */
const ofOneFile = ['workers/compute.js', 'workers/metrics.js', 'workers/read.js'];

/** The program that serves a model has parts of its own: all that it needs until its first answer lies in few of them. */
const server = 'src/cli-serve.js';

const started = new Date();
const kernels = kernelDigest();
if (compile('--noEmitOnError', '--outDir', fresh) && compile('--project', 'src/page')) {
  const builtFrom = `export const builtFrom = ${JSON.stringify(kernels)};\n`;
  writeFileSync(path.join(fresh, 'src/backend/built-from.js'), builtFrom);
  bundle();
  buildWebModule(root, fresh);
  // As old as the sources were read, so that one changed meanwhile is seen as newer.
  utimesSync(fresh, started, started);
  rmSync(dist, { recursive: true, force: true });
  renameSync(fresh, dist);
} else {
  rmSync(fresh, { recursive: true, force: true });
  process.exitCode = 1;
}

/** @returns whether all is well */
function compile(...args) {
  const { status } = spawnSync(process.execPath, [findCompiler(), ...args], {
    cwd: root,
    // To stderr, where setup.js lets messages through.
    stdio: ['ignore', 2, 2],
  });
  return status === 0;
}

/**
 * TypeScript 7, which takes a quarter of the time, where its program for this machine is there: it is an optional package, which whoever
 * installs may leave out. Else the one before it, which eslint needs.
 */
function findCompiler() {
  const platform = `typescript-${process.platform}-${process.arch}`;
  const isNative = existsSync(path.join(root, 'node_modules/@typescript', platform));
  return path.join(root, 'node_modules', isNative ? 'typescript-native' : 'typescript', 'bin/tsc');
}

/** What is loaded only where it is asked for stays apart. */
function bundle() {
  const threads = readdirSync(path.join(fresh, 'workers')).filter((name) => name.endsWith('.js'));
  const entries = ['src/cli.js', server, ...threads.map((name) => `workers/${name}`)];
  const inParts = entries.filter((name) => name !== server && !ofOneFile.includes(name));
  // The server first: what others are made of is replaced by bundles.
  const inputs = [
    ...bundleOf([server], true),
    ...bundleOf(inParts, true),
    ...bundleOf(ofOneFile, false),
    ...writePage(),
  ];
  for (const name of entries) rmSync(path.join(fresh, `${name}.map`));
  writeFileSync(path.join(fresh, 'LICENSES.txt'), licencesOf(root, inputs));
}

/** Puts bundles in the place of entries. @returns the files that are in them */
function bundleOf(entries, splitting) {
  const { metafile } = buildSync({
    absWorkingDir: root,
    entryPoints: entries.map((name) => path.join(fresh, name)),
    outbase: fresh,
    outdir: fresh,
    allowOverwrite: true,
    bundle: true,
    splitting,
    chunkNames: 'parts/[name]-[hash]',
    external: outside.flatMap((name) => [name, `${name}/*`]),
    alias: { 'string-width': path.join(root, 'scripts/text-width.cjs') },
    platform: 'node',
    format: 'esm',
    target: 'node20',
    metafile: true,
    logLevel: 'warning',
    // For packages that are CommonJS and ask for what Node has.
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
  });
  return Object.keys(metafile.inputs);
}

/** The page: one file, with all that it needs in it. @returns the files that are in it */
function writePage() {
  const page = path.join(root, 'src/page');
  const { outputFiles, metafile } = buildSync({
    absWorkingDir: root,
    entryPoints: [path.join(page, 'main.ts')],
    outdir: fresh,
    bundle: true,
    minify: true,
    format: 'iife',
    target: 'es2022',
    charset: 'utf8',
    legalComments: 'none',
    write: false,
    metafile: true,
    logLevel: 'warning',
  });
  const textOf = (ending) => outputFiles.find(({ path: name }) => name.endsWith(ending)).text;
  // Functions, since what they give may hold a dollar sign.
  const html = readFileSync(path.join(page, 'page.html'), 'utf8')
    .replace('<style></style>', () => `<style>${textOf('.css')}</style>`)
    .replace('<script></script>', () => `<script>${textOf('.js')}</script>`);
  writeFileSync(path.join(fresh, 'page.html'), html);
  return Object.keys(metafile.inputs);
}
