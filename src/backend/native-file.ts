import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { packageFile } from '../package-root.js';
import { libcOf } from '../system/libc.js';
import { kernelDigest } from './kernel-sources.js';

/*
 * Where the native kernels are: what was compiled on this machine (build/), else what the package brought ready (prebuilds/).
 * They are laid out as node-gyp-build has them and chosen as it does, by PREBUILDS_ONLY, too; but what cannot be used gives way.
 */

/** What the addon (kernels/addon.c) exports. */
export interface Addon {
  attach(heap: Uint8Array, instructionSet: number): void;
  run(kernel: number, argsOffset: number): void;
  prepareMemory(memory: Uint8Array): number;
  instructionSets: { name: string; supported: boolean; fused: boolean; lanes: number }[];
}

/** A file with native kernels that can be loaded here. */
export interface NativeFile {
  path: string;
  /** Where it is from: for the user to read. */
  origin: string;
}

/** What scripts/build-native.js says of its latest build. */
interface BuildReport {
  built: boolean;
  reason: string;
  /** Of the sources that it was built from. */
  sources: string;
}

/** What scripts/build-prebuilds.js says of the files that it made. */
interface PrebuildsReport {
  /** Of the sources that they were built from. */
  sources: string;
  /** SHA-256 by path within the package. */
  files: Record<string, string>;
}

let found: NativeFile | { missing: string } | undefined;

/** The file whose kernels compute here, or why there is none. It has been loaded: that it can be is known. */
export function findNativeFile(): NativeFile | { missing: string } {
  found ??= find();
  return found;
}

/** The addon in a file. Through `require`, since `import` cannot load native code. */
export function loadAddon(path: string): Addon {
  return createRequire(import.meta.url)(path) as Addon;
}

function find(): NativeFile | { missing: string } {
  const onlyPrebuilt = (process.env['PREBUILDS_ONLY'] ?? '') !== '';
  const refusals: string[] = [];
  if (!onlyPrebuilt) {
    const path = packageFile('build/lockstep.node');
    const missing = whyNotCompiled() ?? whyNotLoaded(path);
    if (missing === undefined) return { path, origin: 'compiled for this machine' };
    refusals.push(missing);
  }
  const prebuilds = readReport('prebuilds/manifest.json') as PrebuildsReport | undefined;
  if (prebuilds !== undefined) {
    const prebuilt = findPrebuilt(prebuilds);
    if ('path' in prebuilt) return prebuilt;
    refusals.unshift(prebuilt.missing);
  } else if (onlyPrebuilt) {
    refusals.push('PREBUILDS_ONLY is set, and the package carries no prebuilt kernels');
  }
  return { missing: refusals.join(', and ') };
}

function readReport(file: string): unknown {
  try {
    return JSON.parse(readFileSync(packageFile(file), 'utf8')) as unknown;
  } catch {
    // Nothing was built, or not to its end.
    return undefined;
  }
}

function whyNotCompiled(): string | undefined {
  const report = readReport('build/native.json') as BuildReport | undefined;
  if (report === undefined) {
    return 'the native kernels have not been built (npm rebuild, or npm install without --ignore-scripts)';
  }
  if (!report.built) return report.reason;
  if (report.sources === kernelDigest()) return undefined;
  return `the native kernels were built from other sources than there are now (node scripts/build-native.js in ${packageFile('.')} builds them anew)`;
}

function findPrebuilt({ sources, files }: PrebuildsReport): NativeFile | { missing: string } {
  const { platform, arch, execPath } = process;
  const libc = platform === 'linux' ? libcOf(execPath) : undefined;
  const target = `${platform} ${arch}${libc === undefined ? '' : ` with ${libc}`}`;
  const name = `prebuilds/${platform}-${arch}/lockstep.${libc ?? 'any'}.node`;
  const digest = files[name];
  if (digest === undefined) {
    return { missing: `the package carries no prebuilt kernels for ${target}` };
  }
  if (sources !== kernelDigest()) {
    return { missing: 'the prebuilt kernels are of other sources than there are now' };
  }
  const path = packageFile(name);
  // Not loaded to see whether it is whole: what is damaged could end the process.
  const missing = whyNotWhole(path, digest) ?? whyNotLoaded(path);
  return missing === undefined
    ? { path, origin: `prebuilt for ${target}` }
    : { missing: `${name}: ${missing}` };
}

function whyNotWhole(path: string, digest: string): string | undefined {
  try {
    const found = createHash('sha256').update(readFileSync(path)).digest('hex');
    return found === digest ? undefined : "damaged, or not the package's own";
  } catch (error) {
    return firstLine(error);
  }
}

function whyNotLoaded(path: string): string | undefined {
  try {
    loadAddon(path);
    return undefined;
  } catch (error) {
    return firstLine(error);
  }
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n')[0] ?? '';
}
