/** Damaged and hostile checkpoints against every command that reads one, by the program itself. */
import { createHash } from 'node:crypto';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { formatState, readState } from '../../dist/src/checkpoint/run-state.js';
import {
  configOf,
  clear,
  createDice,
  fail,
  folder,
  median,
  models,
  say,
  startProgram,
  writeCorpora,
} from './workplace.js';

const FILES = ['state.json', 'model.safetensors', 'optimizer.safetensors'];
const [EARLIER, NEWEST] = ['checkpoints/step-00000020', 'checkpoints/step-00000030'];

/** Every command but --resume must refuse with one sentence; --resume must say so and go on from the one before. */
export async function measureRefusals(seed) {
  writeCorpora();
  const dice = createDice(seed);
  const times = {};
  for (const name of models) {
    const whole = path.join(folder, `${name}-whole`);
    const train = ['train', '--config', configOf(name), '--workers', '1'];
    const set = ['--set', 'train.maxSteps=30', 'train.checkpoint.everySteps=10'];
    await expectStatus(0, [...train, '--run-dir', whole, ...set]);
    const runDir = path.join(folder, `${name}-damaged`);
    const use = name === 'classifier' ? 'predict' : 'generate';
    for (const { what, damage } of listDamages(whole, dice)) {
      rmSync(runDir, { recursive: true, force: true });
      cpSync(whole, runDir, { recursive: true });
      await damage(path.join(runDir, NEWEST));
      for (const command of ['inspect', 'evaluate', use]) {
        const outcome = await expectStatus(1, [command, runDir, '--checkpoint', 'latest'], what);
        const isSentence = /^[^\n]+\n$/.test(outcome.stderr) && outcome.stderr.includes(NEWEST);
        if (!isSentence) fail(`${command}, ${what}: ${outcome.stderr}`);
        (times[command] ??= []).push({ ...outcome, what });
      }
      const resume = [...train, '--run-dir', runDir, '--resume', ...set];
      const outcome = await expectStatus(0, resume, what);
      if (!outcome.stderr.includes(`Going on from ${path.join(runDir, EARLIER)}.`)) {
        fail(`--resume, ${what}: ${outcome.stderr}`);
      }
      (times['train --resume, ten steps and a checkpoint'] ??= []).push({ ...outcome, what });
    }
  }
  say('Seconds from the start of the process to its end, and those of them spent computing:');
  for (const [command, outcomes] of Object.entries(times)) {
    const summary = ['seconds', 'computed'].map((key) => {
      const longest = outcomes.reduce((a, b) => (b[key] > a[key] ? b : a));
      const middle = median(outcomes.map((outcome) => outcome[key]));
      return `median ${middle.toFixed(2)}, at most ${longest[key].toFixed(2)} (${longest.what})`;
    });
    say(`${command}, ${outcomes.length} times: ${summary.join('; computing ')}`);
  }
  clear();
}

async function expectStatus(expected, args, what = 'whole') {
  const outcome = await startProgram(args).ended;
  if (outcome.status === expected) return outcome;
  return fail(`lockstep ${args.join(' ')}, ${what}: status ${outcome.status}: ${outcome.stderr}`);
}

function listDamages(whole, dice) {
  const damages = [];
  for (const name of FILES) {
    const { length } = readFileSync(path.join(whole, NEWEST, name));
    for (const at of [0, dice(length), length - 1]) {
      const flip = (bytes) => {
        bytes[at] ^= 1 << dice(8);
        return bytes;
      };
      damages.push({ what: `${name}, byte ${at} flipped`, damage: rewrite(name, flip) });
    }
    for (const at of [0, dice(length), length - 1]) {
      const cut = (bytes) => bytes.subarray(0, at);
      damages.push({ what: `${name} cut off at byte ${at}`, damage: rewrite(name, cut) });
    }
  }
  for (const [what, content] of listHostile()) {
    damages.push({ what, damage: (checkpoint) => forge(checkpoint, content) });
  }
  return damages;
}

function rewrite(name, change) {
  return (checkpoint) => {
    const file = path.join(checkpoint, name);
    writeFileSync(file, change(readFileSync(file)));
  };
}

/** Puts another model file in the place of the checkpoint's, and signs it, as somebody with bad intentions would. */
async function forge(checkpoint, content) {
  const state = await readState(checkpoint);
  writeFileSync(path.join(checkpoint, FILES[1]), content);
  const sha256 = createHash('sha256').update(content).digest('hex');
  const { step, position, seed, profile, corpus, validation } = state;
  const forged = { ...state.files, [FILES[1]]: { bytes: content.length, sha256 } };
  const progress = { step, position, seed, profile, corpus, validation };
  writeFileSync(path.join(checkpoint, FILES[0]), formatState(progress, forged));
}

function listHostile() {
  const file = (json, dataBytes, claimed = BigInt(json.length)) => {
    const prefix = Buffer.alloc(8);
    prefix.writeBigUInt64LE(claimed);
    return Buffer.concat([prefix, Buffer.from(json), Buffer.alloc(dataBytes)]);
  };
  const tensor = (shape, begin, end, dtype = 'F32') =>
    JSON.stringify({ dtype, shape, data_offsets: [begin, end] });
  const many = Array.from(
    { length: 100_000 },
    (_, i) => `"t${i}":${tensor([1], 4 * i, 4 * i + 4)}`,
  );
  return [
    ['a huge header', file('{}', 0, 2n ** 63n)],
    ['overlapping offsets', file(`{"a":${tensor([2], 0, 8)},"b":${tensor([2], 4, 12)}}`, 12)],
    ['offsets out of range', file(`{"a":${tensor([2 ** 20], 0, 2 ** 22)}}`, 8)],
    ['a shape that overflows', file(`{"a":${tensor([2 ** 32, 2 ** 32], 0, 0)}}`, 0)],
    ['an unknown type of numbers', file(`{"a":${tensor([1], 0, 4, 'Q9')}}`, 4)],
    ['deep nesting', file('['.repeat(500_000) + ']'.repeat(500_000), 0)],
    ['100,000 entries', file(`{${many.join(',')}}`, 400_000)],
  ];
}
