import { access, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseConfig } from '../config/load.js';
import { UserError } from '../errors.js';
import { nextCommand } from '../observe/next-command.js';
import { TASKS } from '../tasks/registry.js';
import type { Context } from './context.js';
import { defineCommand } from './define.js';
import { readingOptions } from './options/options.js';
import { printLines } from './table.js';

export const initCommand = (context: Context) =>
  defineCommand({
    command: 'init <files..>',
    describe: 'Looks at data and writes a config to train with, with the reason for each value',
    positionals: {
      files: {
        type: 'string',
        array: true,
        demandOption: true,
        describe:
          'Files or globs: of those with valid, dev or test in their names the rows are not trained on; two plain texts are a translation, line by line',
      },
    },
    options: {
      out: {
        type: 'string',
        requiresArg: true,
        describe:
          'Config to write; by default the name of the first file with .yaml, in this directory',
      },
      overwrite: { type: 'boolean', default: false, describe: 'Lets --out replace a file' },
      task: {
        choices: TASKS,
        requiresArg: true,
        describe: 'What is to be learned; guessed by default',
      },
      text: {
        ...readingOptions.text,
        describe:
          'Column or field with the text, or its number; guessed by default. With --task translate what is to be translated',
      },
      label: {
        ...readingOptions.label,
        describe:
          'Column or field with the class, the labels, the number or the translation; guessed by default',
      },
      'decimal-mark': {
        choices: ['.', ','] as const,
        requiresArg: true,
        describe:
          "What stands before the decimals of the numbers to learn; told from the table's numbers by default",
      },
      header: {
        type: 'boolean',
        describe:
          'Whether the first row of a CSV names its columns (--no-header: it does not); guessed by default',
      },
      format: {
        ...readingOptions.format,
        describe: "Layout of the files; told from their names' ends and their content by default",
      },
      encoding: {
        ...readingOptions.encoding,
        describe: 'How characters are written; told from the content by default',
      },
    },
    async run({ files: patterns, out, overwrite, ...given }) {
      const { task, text, label, decimalMark, header, format, encoding } = given;
      const { assignRoles, findFiles, planConfig, takeSample } = await loadInit();
      const found = await Promise.all(patterns.map((pattern) => findFiles(pattern, 'files')));
      const roles = assignRoles(found.flat().map(({ path }) => path));
      const file = out ?? `${nameAfter(roles.train[0]!)}.yaml`;
      if (!overwrite && (await exists(file))) {
        throw new UserError(
          `${file} is there already: name another file with --out, or add --overwrite to replace it`,
        );
      }
      const samples = [];
      // Files of one layout: the first tells it. Two of plain text are two languages.
      for (const path of roles.train.slice(0, 2)) {
        samples.push(await takeSample(path, { format, encoding, header }));
        if (samples[0]!.content.kind !== 'lines') break;
      }
      const plan = planConfig(roles.train.length === 2 ? samples : samples.slice(0, 1), roles, {
        ...{ task, text, label, decimalMark },
      });
      // What is written has to be what train takes.
      parseConfig(plan.text, file);
      await writeFile(file, plan.text, { flag: overwrite ? 'w' : 'wx' });
      printLines(context.stdout, [
        ...plan.seen,
        ...plan.reasons,
        `Wrote ${file}.`,
        `Next: ${nextCommand(context.program, ['train', '--config', file])}`,
      ]);
    },
  });

/** What other commands need not wait for. */
async function loadInit() {
  const [{ assignRoles }, { findFiles }, { planConfig }, { takeSample }] = await Promise.all([
    import('../init/files.js'),
    import('../data/input/find-files.js'),
    import('../init/plan.js'),
    import('../init/sample.js'),
  ]);
  return { assignRoles, findFiles, planConfig, takeSample };
}

/** A file's name without its endings. */
function nameAfter(path: string): string {
  const name = basename(path).replace(/(\.[A-Za-z0-9]{1,8})+$/, '');
  return name === '' ? 'config' : name;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
