import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { libcOf } from '../../src/system/libc.js';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-libc-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A program of ELF with 64-bit little-endian numbers: its header, then what its segments are, then what loads it. */
function program(loader: string | undefined): string {
  const [header, segment] = [64, 56];
  const bytes = Buffer.alloc(header + 2 * segment + 64);
  bytes.write('\x7fELF\x02\x01', 'latin1');
  bytes.writeBigUInt64LE(BigInt(header), 32);
  bytes.writeUInt16LE(segment, 54);
  bytes.writeUInt16LE(2, 56);
  bytes.writeUInt32LE(6, header);
  const second = header + segment;
  bytes.writeUInt32LE(loader === undefined ? 1 : 3, second);
  bytes.writeBigUInt64LE(BigInt(second + segment), second + 8);
  bytes.writeBigUInt64LE(BigInt(loader?.length ?? 0), second + 32);
  bytes.write(loader ?? '', second + segment);
  return write('program', bytes);
}

function write(name: string, content: string | Buffer): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

test('a program tells its C library by what loads it', () => {
  expect(libcOf(program('/lib64/ld-linux-x86-64.so.2\0'))).toBe('glibc');
  expect(libcOf(program('/lib/ld-musl-aarch64.so.1\0'))).toBe('musl');
});

test('and none where nothing loads it, or it is no such program', () => {
  expect(libcOf(program(undefined))).toBeUndefined();
  expect(libcOf(write('script', '#!/bin/sh\n'))).toBeUndefined();
  expect(libcOf(write('empty', ''))).toBeUndefined();
  expect(libcOf(join(folder, 'missing'))).toBeUndefined();
});

test('Node has the one that its own report names', ({ skip }) => {
  if (process.platform !== 'linux') skip('no C library to choose by');
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  const expected = header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
  expect(libcOf(process.execPath)).toBe(expected);
});
