import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { useScratch } from '../data/scratch.js';
import { runWith, stubClassifier, stubLanguageModel } from './stub.js';

const scratch = useScratch();

test('serve says where the model is, how it is asked, and ends when it is told to', async () => {
  let closed = 0;
  const { status, stdout, stderr } = await runWith(
    ['serve', 'runs/x', '--port', '0'],
    {
      openModel: (run, options) => {
        expect([run, options?.onBatch]).toEqual(['runs/x', expect.any(Function)]);
        const close = (): Promise<void> => {
          closed++;
          return Promise.resolve();
        };
        return Promise.resolve({ ...stubClassifier(), close });
      },
    },
    { signalStatus: 143 },
  );
  expect({ status, closed, stderr }).toEqual({ status: 0, closed: 1, stderr: '' });
  const [first, next] = stdout.split('\n');
  expect(first).toMatch(
    /^Serving runs\/x\/checkpoints\/step-00000007, a classifier, at http:\/\/127\.0\.0\.1:\d+ \(the API: http:\/\/127\.0\.0\.1:\d+\/openapi\.json\); Ctrl-C ends it\.$/,
  );
  expect(next).toMatch(
    /^Next: curl http:\/\/127\.0\.0\.1:\d+\/predict -H 'Content-Type: application\/json' -d '\{"texts": \["Some text"\]\}'$/,
  );
});

test('serve has a token be shown where it is reached from other machines, or says that nobody needs one', async () => {
  const { path } = await scratch();
  writeFileSync(path('token'), 'a-long-enough-token\n');
  const argv = ['serve', 'runs/x', '--port', '0', '--host', '0.0.0.0'];
  const openModel = () => Promise.resolve(stubLanguageModel());
  const open = await runWith(argv, { openModel }, { signalStatus: 130 });
  expect(open.stderr).toContain('whoever reaches it can use the model; --token-file has');
  const locked = await runWith(
    [...argv, '--token-file', path('token')],
    { openModel },
    { signalStatus: 130 },
  );
  expect(locked.stderr).toBe('');
  expect(locked.stdout).toContain(`/generate -H "Authorization: Bearer $(cat ${path('token')})"`);
});

test.each([
  [
    ['--port', '70000'],
    '--port: expected a whole number from 0 to 65535, got "70000"; see lockstep serve --help',
  ],
  [
    ['--timeout', '2147484'],
    '--timeout: expected a number from 0.001 to 86400, got "2147484"; see lockstep serve --help',
  ],
  [
    ['--max-texts', '9', '--queue-size', '8'],
    '--max-texts: expected at most as many as --queue-size (8), got 9',
  ],
  [
    ['--token-file', '/absent/token'],
    '--token-file: /absent/token cannot be read: no such file or directory (ENOENT)',
  ],
  [
    ['--allow-host', 'a.org,b.org'],
    '--allow-host: expected one name or address, without a port, got "a.org,b.org"; further ones are given by further --allow-host',
  ],
  [
    ['--allow-host', 'a.org:80'],
    '--allow-host: expected one name or address, without a port, got "a.org:80"; further ones are given by further --allow-host',
  ],
  [
    ['--host', 'no.such.host.invalid'],
    '--host: expected an address of this machine, got "no.such.host.invalid"',
  ],
])('serve %j is refused', async (argv, sentence) => {
  const openModel = () => Promise.resolve(stubClassifier());
  const { status, stderr } = await runWith(['serve', 'runs/x', ...argv], { openModel });
  expect({ status, stderr }).toEqual({ status: 1, stderr: `${sentence}\n` });
});
