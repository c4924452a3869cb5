/**
 * `npm run quickstart`: from a fresh clone to a trained spam filter. Sets the clone up, fetches the
 * mails, trains configs/quickstart.yaml in runs/quickstart, measures the model on mails that it has
 * never seen, and lets it judge a few new ones.
 */
import '../bin/node-version.js';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const config = 'configs/quickstart.yaml';
const run = 'runs/quickstart';
const heldOut = 'data/spam-assassin/test.csv';

const mails = [
  'Re: patch for the mail parser. Thanks, applied. I changed the loop to skip empty headers; could you run the tests again before I tag the release?',
  'CONGRATULATIONS! You have been selected to receive a FREE vacation. Click here now to claim your prize, this offer expires today!!!',
  'Lower your mortgage payments! Rates are at their lowest in years, bad credit is no problem. Fill in our free form and save thousands of dollars.',
];

/** Runs a script of this clone; ends the quickstart with its status when it fails. */
function node(args, options = {}) {
  const { status, stdout } = spawnSync(process.execPath, args, {
    cwd: root,
    stdio: 'inherit',
    encoding: 'utf8',
    ...options,
  });
  if (status !== 0) process.exit(status ?? 1);
  return stdout;
}

const say = (...lines) => console.log(lines.join('\n'));

node(['scripts/setup.js']);
node(['scripts/datasets.js', 'spam-assassin']);

const checkpoints = `${root}/${run}/checkpoints`;
const resume =
  existsSync(checkpoints) && readdirSync(checkpoints).some((name) => name.startsWith('step-'));
say(
  '',
  resume
    ? `${run} is there already: going on with it. (Delete the folder to train afresh.)`
    : 'Training a spam filter with every core:',
  `  npx lockstep train --config ${config}${resume ? ' --resume' : ''}`,
  '',
);
node(
  ['bin/lockstep.js', 'train', '--config', config, '--run-dir', run].concat(
    resume ? '--resume' : [],
  ),
);

say('', 'Mails that it has never seen:', `  npx lockstep evaluate ${run} --data ${heldOut}`, '');
node(['bin/lockstep.js', 'evaluate', run, '--data', heldOut]);

say('', 'A few new ones:', `  npx lockstep predict ${run}`, '');
const predictions = node(['bin/lockstep.js', 'predict', run, '--to', 'jsonl'], {
  input: `${mails.join('\n')}\n`,
  stdio: ['pipe', 'pipe', 'inherit'],
});
for (const line of predictions.trim().split('\n')) {
  const { text, predicted, probabilities } = JSON.parse(line);
  const share = `${(100 * probabilities[predicted]).toFixed(1)} %`;
  say(`  ${predicted.padEnd(4)} ${share.padStart(7)}  ${text.slice(0, 70)}…`);
}

say(
  '',
  `The run lies in ${run}: its config, metrics.jsonl, and checkpoints that PyTorch can load.`,
  '',
  'To try next:',
  `  echo "your own words" | npx lockstep predict ${run}`,
  `  npx lockstep inspect ${run}`,
  '  npm run quickstart                      continues or shows this run again',
  '  node scripts/datasets.js moby-dick && npx train --config configs/char-lm.yaml',
  '  npx train --config your-own.yaml        see README.md',
);
