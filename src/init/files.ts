import { basename } from 'node:path';

/** Which of the files that are named is for what. */

export interface Roles {
  readonly train: readonly string[];
  readonly validation: readonly string[];
  readonly test: readonly string[];
}

/** By their names: what has `valid` or `dev` in it is to validate on, `test` to measure on, the rest to train on. */
export function assignRoles(files: readonly string[]): Roles {
  const roleOf = (file: string): keyof Roles => {
    const words = basename(file)
      .toLowerCase()
      .split(/[^a-z]+/);
    if (words.some((word) => /^(valid|validation|val|dev|development)$/.test(word)))
      return 'validation';
    return words.includes('test') || words.includes('testing') ? 'test' : 'train';
  };
  const of = (role: keyof Roles): string[] => files.filter((file) => roleOf(file) === role);
  // A single file is what there is to train on, whatever it is called.
  if (of('train').length === 0) return { train: files, validation: [], test: [] };
  return { train: of('train'), validation: of('validation'), test: of('test') };
}
