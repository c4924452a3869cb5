import { expect, it } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { planCorpus } from '../../src/data/prepare/plan.js';

async function refuse(text: string, overrides: string[] = []): Promise<string> {
  const config = parseConfig(text, 'mails.yaml', overrides);
  // As training does, which settles the name.
  return planCorpus({ ...config }, () => undefined).then(
    () => 'accepted',
    (error: unknown) => (error as Error).message,
  );
}

it('a file that is missing is told with the line of the config that names it', async () => {
  const listed =
    'task: language-model\ndata:\n  train:\n    - package.json\n    - path: gone.txt\n      weight: 2\n  format: text\n';
  expect(await refuse(listed)).toBe('mails.yaml:5:7: data.train: there is no file "gone.txt".');
  const alone = 'task: language-model\ndata:\n  train: gone/*.txt\n';
  expect(await refuse(alone)).toBe('mails.yaml:3:3: data.train: no file matches "gone/*.txt".');
  const validation =
    'task: language-model\ndata: { train: package.json, format: text, validation: packge.json }\n';
  expect(await refuse(validation)).toBe(
    'mails.yaml:2:44: data.validation: there is no file "packge.json" (did you mean "package.json"?).',
  );
  expect(await refuse(alone, ['data.train=gone.txt'])).toBe(
    '--set data.train=gone.txt: data.train: there is no file "gone.txt".',
  );
});
