/**
 * `npm run soak -- [--minutes N] [--seed N]`: trains a small classifier with dropout and a small language model over
 * and over while processes are killed (SIGKILL), stopped (SIGTERM) and resumed at random on random numbers of workers
 * whose threads die at random, and compares the result, byte for byte, with that of a run that nobody disturbed.
 * Ends with a non-zero status at the first difference, and keeps the runs. `--help` lists other modes.
 */
import '../bin/node-version.js';
import yargs from 'yargs';

const modes = {
  minutes: { describe: 'How long to disturb both models at random; 1 by default' },
  deaths: { describe: 'Threads die so often in one run of each model, in every way there is' },
  kills: { describe: 'SIGKILL at so many random steps of one run of each model' },
  stops: { describe: 'The same with SIGTERM' },
  refusals: { describe: 'Damaged and hostile checkpoints against every command that reads one' },
  'resume-times': { describe: 'How long a resume takes at step 10 and at step 100,000' },
  pauses: { describe: 'How long training stands still for a checkpoint of 20 million weights' },
  clients: { describe: 'Whether clients of the metrics server can slow a training' },
  'served-clients': { describe: 'Whether clients of serve can keep others waiting' },
  calls: {
    describe:
      'So many calls of one model from 64 callers at once, each compared with its rows alone',
  },
  flips: {
    describe:
      'Every byte of small token stores, and of what is kept of them, is changed: of both tasks, or of one',
    string: true,
    choices: ['', 'classify', 'language-model'],
  },
  together: { describe: 'So many times, four processes prepare in one store directory at once' },
  namespaces: { describe: 'The same, each process in a namespace of its own; needs root' },
  networks: {
    describe:
      'So many random networks, in every division among workers that die, against float64 and from checkpoints',
  },
  memory: { describe: 'Whether memory grows in 20,000 steps' },
};
const counts = [
  'minutes',
  'deaths',
  'kills',
  'stops',
  'calls',
  'together',
  'namespaces',
  'networks',
];

const options = await yargs(process.argv.slice(2))
  .scriptName('npm run soak --')
  .usage('$0 [--seed N] [--precision bfloat16] [one mode]')
  .locale('en')
  .options(modes)
  .number([...counts, 'seed'])
  .boolean(Object.keys(modes).filter((mode) => !counts.includes(mode) && mode !== 'flips'))
  .default('seed', Date.now() % 1_000_000, 'by the clock')
  .option('precision', {
    describe: 'train.precision of the runs that are disturbed',
    choices: ['float32', 'bfloat16'],
    default: 'float32',
  })
  .conflicts(
    Object.fromEntries(
      Object.keys(modes).map((mode) => [mode, Object.keys(modes).filter((m) => m !== mode)]),
    ),
  )
  .check((given) => {
    for (const name of [...counts, 'seed']) {
      if (given[name] !== undefined && !(given[name] > 0)) {
        throw new Error(`--${name}: expected a number above 0`);
      }
    }
    return true;
  })
  .strict()
  .fail((message, error) => {
    const sentence = (message ?? error.message).replaceAll(/\s+/g, ' ').trim();
    console.error(`${sentence}; see npm run soak -- --help`);
    process.exit(1);
  })
  .parseAsync();
const { seed, precision } = options;

if (options.networks) {
  const { tryNetworks } = await import('./soak/networks.js');
  await tryNetworks(options.networks, seed);
} else if (options.calls) {
  const { overlapCalls } = await import('./soak/calls.js');
  await overlapCalls(options.calls, seed);
} else if (options.memory) {
  const { measureMemory } = await import('./soak/memory.js');
  await measureMemory();
} else if (options.clients) {
  const { measureClients } = await import('./soak/clients.js');
  await measureClients();
} else if (options.servedClients) {
  const { measureServedClients } = await import('./soak/served-clients.js');
  await measureServedClients();
} else if (options.flips !== undefined) {
  const { measureFlips } = await import('./soak/watched-flips.js');
  await measureFlips(options.flips === '' ? undefined : options.flips);
} else if (options.together) {
  const { measureTogether } = await import('./soak/together.js');
  await measureTogether(options.together, [process.execPath]);
} else if (options.namespaces) {
  const { measureTogether } = await import('./soak/together.js');
  const unshare = ['unshare', '-pf', '--kill-child', '--mount-proc', process.execPath];
  await measureTogether(options.namespaces, unshare);
} else if (options.pauses) {
  const { measurePauses } = await import('./soak/pauses.js');
  await measurePauses();
} else if (options.resumeTimes) {
  const { measureResumes } = await import('./soak/resume-times.js');
  await measureResumes();
} else if (options.refusals) {
  const { measureRefusals } = await import('./soak/refusals.js');
  await measureRefusals(seed);
} else {
  const { disturbAtRandom, strikeProcesses, strikeThreads } =
    await import('./soak/disturbances.js');
  if (options.deaths) await strikeThreads(options.deaths, seed, precision);
  else if (options.kills) await strikeProcesses('SIGKILL', options.kills, seed, precision);
  else if (options.stops) await strikeProcesses('SIGTERM', options.stops, seed, precision);
  else await disturbAtRandom({ minutes: options.minutes ?? 1, seed, precision });
}
