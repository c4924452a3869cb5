import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync } from 'node:fs';
import * as nodeFs from 'node:fs/promises';
import { expect, it, vi } from 'vitest';
import { makeDirectory, unmakeDirectories } from '../../src/system/make-directory.js';
import { useScratch } from '../data/scratch.js';

const makeScratch = useScratch();

it('makes what is missing, tells what it made, and takes back what stayed empty', async () => {
  const { dir, path } = await makeScratch();
  const all = await makeDirectory(path('a/b'));
  expect(all.map((each) => each.path)).toEqual([path('a'), path('a/b')]);
  expect(await makeDirectory(path('a/b'))).toEqual([]);
  const made = await makeDirectory(path('a/c/d'));
  unmakeDirectories(made);
  expect(readdirSync(path('a'))).toEqual(['b']);
  expect(readdirSync(dir)).toEqual(['a']);
});

it('takes back no directory that somebody has put in the place of one it made', async () => {
  const { dir, path } = await makeScratch();
  const moved = await makeDirectory(path('moved'));
  renameSync(path('moved'), path('elsewhere'));
  mkdirSync(path('moved'));
  unmakeDirectories(moved);
  // The number of a directory that is removed is given to the next one on most disks.
  const removed = await makeDirectory(path('removed'));
  rmdirSync(path('removed'));
  mkdirSync(path('removed'));
  unmakeDirectories(removed);
  expect(readdirSync(dir).sort()).toEqual(['elsewhere', 'moved', 'removed']);
});

it('knows what it has made by where it was asked for, though the process moves meanwhile', async () => {
  const { dir, path } = await makeScratch();
  const cwd = vi.spyOn(process, 'cwd').mockReturnValue(dir);
  const asked: string[] = [];
  const mkdir = (place: string): Promise<void> => {
    asked.push(place);
    cwd.mockReturnValue('/');
    return nodeFs.mkdir(place);
  };
  try {
    const made = await makeDirectory('a/b', { mkdir } as unknown as typeof nodeFs);
    expect(made.map((each) => each.path)).toEqual([path('a'), path('a/b')]);
    expect(asked).toEqual([path('a/b'), path('a'), path('a/b')]);
  } finally {
    cwd.mockRestore();
  }
});

it('refuses a file in the way with its name', async () => {
  const { path } = await makeScratch({ file: 'x' });
  await expect(makeDirectory(path('file'))).rejects.toThrow(
    `${path('file')}: expected a directory, found something else of that name`,
  );
  await expect(makeDirectory(path('file/below'))).rejects.toThrow('ENOTDIR');
});

it.runIf(existsSync('/proc/self'))('ends where a directory takes no others', async () => {
  await expect(makeDirectory('/proc/lockstep/run')).rejects.toThrow('ENOENT');
});
