import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { lockstep } from './cli.js';
import { colourRows, makeWorkplace } from './corpus.js';

const cwd = makeWorkplace();

/** Pastes the command that an output ends with into a shell. */
function paste(output: string) {
  const command = /^Next: (.*)$/m.exec(output)![1]!;
  // That the tests were started by npm is nothing to the program: it would name npx.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('npm_')),
  );
  return spawnSync('sh', ['-c', command], { cwd, encoding: 'utf8', env });
}

it('init, train and predict each tell the next command, which works as it is printed', async () => {
  const rows = colourRows().map(({ text, label }, i) => `${i + 1},2024-05-01,"${text}",${label}`);
  // A name that a shell would take apart.
  writeFileSync(join(cwd, "it's mine.csv"), `id,day,words,colour\n${rows.join('\n')}\n`);
  const { stdout: told, status } = await lockstep(cwd, ['init', "it's mine.csv"]);
  expect(status).toBe(0);
  expect(told).toContain("Wrote it's mine.yaml.\n");
  const trained = paste(told);
  expect(trained.stdout).toMatch(/^Best validation loss .*\(accuracy (100|9\d)/m);
  const predicted = paste(trained.stdout);
  expect(predicted.stdout).toMatch(/^text,predicted,probability_blue/);
  expect([trained.status, predicted.status]).toEqual([0, 0]);
});
