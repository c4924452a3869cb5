import type { Backend } from '../../src/backend/backend.js';
import { createBackend } from '../../src/backend/select.js';
import type { StageRunner } from '../../src/compute/engine.js';
import { openHeap, planEngine, type EngineHandle } from '../../src/compute/engine-memory.js';
import { phasesOf } from '../../src/compute/messages.js';
import { Network } from '../../src/model/network.js';
import { isTeamPhase, type Phase } from '../../src/model/phases.js';
import { carryingLayers } from '../../src/model/plan.js';
import { SLOTS, type NetworkSizes } from '../../src/model/sizes.js';
import { firstPart, teamOf, type Share } from '../../src/model/work/teams.js';
import type { BufferSpec, FloatArray, Heap } from '../../src/tensor/heap.js';
import { diceOf } from './random-networks.js';

/** What threads could do at worst, on one: the same every time. */
export interface Disturbance {
  /** Decides who comes first, and who dies when. */
  seed: number;
  /** Shares that are cut off in a stage at most, each at any of its kernels, and run again as by another worker. */
  deaths: number;
  /** From each how many kernels on a share pauses; drawn if nothing is said. */
  pause?: number;
}

/**
 * Runs every phase on the calling thread, but takes nothing for granted: before a stage all that a former one has computed becomes
 * NaN, so that reading before writing shows; the parts come in any order, and each goes on from a meeting whenever its team allows it,
 * some while another is between two kernels; shares are cut off and begin anew.
 */
export function createDisturbedRunner(
  handle: EngineHandle,
  { seed, deaths, pause }: Disturbance,
): StageRunner {
  const { heap, plan } = openHeap(handle);
  const dice = diceOf(seed);
  const fate = new Fate(dice, deaths, pause);
  const networks = THREADS.map((thread) => {
    const space = heap.doubles(plan.argumentSpaces[thread]!);
    const backend = fate.over(createBackend(handle.backend, handle.block, thread, space));
    return Array.from(
      { length: SLOTS },
      (_, slot) => () => new Network(backend, heap, plan, thread, slot),
    ).map(once);
  });
  const claims = heap.flatIndices(plan.claims);
  const computed = listComputed(handle, heap);
  return (stage, slot) => {
    claims.fill(0);
    if (stage !== 'pack') computed.forEach(spoil);
    fate.begin();
    for (const phase of phasesOf(stage, handle.sizes)) {
      const networkOf = (part: number): Network => networks[threadOf(part)]![slot]!();
      runPhase(networkOf, phase, handle.sizes, dice, fate);
    }
    return Promise.resolve();
  };
}

/** All values that a stage has to compute: neither what is kept from step to step, nor what packing leaves as it was. */
function listComputed(handle: EngineHandle, heap: Heap): (FloatArray | Int32Array)[] {
  const { buffers, plan } = planEngine(handle.backend, handle.sizes);
  const kept = new Set<string>();
  for (const { value, states, average, accumulated } of plan.parameters) {
    for (const spec of [value, ...states, average, accumulated?.mean]) {
      if (spec) kept.add(spec.name);
    }
  }
  for (const { buffer } of plan.loss.constants ?? []) kept.add(buffer.name);
  for (const { states = [] } of carryingLayers(plan.layers)) {
    for (const { name } of states) kept.add(name);
  }
  const isComputed = ({ type, name }: BufferSpec): boolean =>
    type === 'float' ? !/^packed /.test(name) : /^(words|pairs) for |work words$/.test(name);
  return buffers.buffers
    .filter(isComputed)
    .filter(({ name }) => !kept.has(name))
    .filter(({ name }) => !/^scratch/.test(name) || THREADS.some((i) => name === `scratch ${i}`))
    .map((spec) => (spec.type === 'float' ? heap.flat(spec) : heap.flatIndices(spec)));
}

/** Two of bfloat16. */
const NAN_PAIR = 0x7fc07fc0;

/** What nobody has ever written stays zero: columns that fill up a panel must be. */
function spoil(values: FloatArray | Int32Array): void {
  const nothing = values instanceof Int32Array ? NAN_PAIR : NaN;
  for (let i = 0; i < values.length; i++) if (values[i] !== 0) values[i] = nothing;
}

/** One phase of a stage, by all parts. */
function runPhase(
  networkOf: (part: number) => Network,
  phase: Phase,
  sizes: NetworkSizes,
  dice: Dice,
  fate: Fate,
): void {
  const meets = sizes.teams < sizes.parts && isTeamPhase(phase);
  const begin = (): Member[] =>
    Array.from({ length: sizes.parts }, (_, part) => {
      const team = teamOf(sizes, part);
      const fellows = { from: firstPart(sizes, team), to: firstPart(sizes, team + 1) };
      return { share: networkOf(part).run(phase, part), meetings: 0, ...fellows };
    });
  let members = begin();
  const mayGoOn = ({ meetings, from, to }: Member): boolean =>
    members.slice(from, to).every((fellow) => fellow.meetings >= meetings);
  const listAble = (): number[] =>
    [...members.keys()].filter((part) => members[part]!.meetings < DONE && mayGoOn(members[part]!));
  const goOn = (member: Member): void => {
    member.meetings = member.share.next().done ? DONE : member.meetings + 1;
  };
  for (;;) {
    const able = listAble();
    if (able.length === 0) return;
    const part = able[dice(able.length)]!;
    const member = members[part]!;
    fate.atPause(() => {
      const others = listAble().filter((other) => threadOf(other) !== threadOf(part));
      if (others.length > 0) goOn(members[others[dice(others.length)]!]!);
    });
    try {
      goOn(member);
    } catch (error) {
      if (!(error instanceof Death)) throw error;
      // Where the members of teams meet none can go on without the one that is gone.
      if (meets) members = begin();
      else member.share = networkOf(part).run(phase, part);
    }
  }
}

type Dice = (below: number) => number;

const DONE = Infinity;

/** Two, so that a part can be amid its work while one of the other's goes on. */
const THREADS = [0, 1];

function threadOf(part: number): number {
  return part % THREADS.length;
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

/** A part in a phase, and how many meetings it has come to; its team is parts [from, to). */
interface Member {
  share: Share;
  meetings: number;
  from: number;
  to: number;
}

class Death extends Error {}

/** A pause comes after so many kernels at most. */
const LONGEST = 2 ** 8;

/**
 * Counts the kernels that are called until a share is cut off, before that kernel or behind it, and until one pauses for others to go on.
 */
class Fate {
  #left = Infinity;
  #deaths = 0;
  #calls = 0;
  #untilPause = 1;
  #isPaused = false;
  #others = (): void => {};
  /** Of the latest stage. */
  #former = 100;

  constructor(
    private readonly dice: Dice,
    private readonly most: number,
    private readonly pause: number | undefined,
  ) {}

  /** Before a stage. */
  begin(): void {
    if (this.#calls > 0) this.#former = this.#calls;
    this.#calls = 0;
    this.#deaths = this.most;
    this.#draw();
  }

  /** @param others lets somebody else go on, while whoever runs next is between two kernels */
  atPause(others: () => void): void {
    this.#others = others;
    this.#drawPause();
  }

  /** Soon as often as late: shares have few kernels or many. */
  #drawPause(): void {
    this.#untilPause = this.pause ?? Math.floor(LONGEST ** (this.dice(2 ** 10) / 2 ** 10));
  }

  #pause(): void {
    this.#isPaused = true;
    this.#others();
    this.#isPaused = false;
    this.#drawPause();
  }

  #draw(): void {
    this.#left = this.#deaths-- > 0 ? 1 + this.dice(this.#former) : Infinity;
  }

  /** A backend whose kernels strike. */
  over(backend: Backend): Backend {
    return {
      name: backend.name,
      profile: backend.profile,
      lanes: backend.lanes,
      release: () => backend.release(),
      bind: (kernel, operands) => {
        const call = backend.bind(kernel, operands);
        return (...given) => {
          this.#calls += 1;
          if (this.#isPaused) {
            call(...given);
            return;
          }
          if (--this.#untilPause <= 0) this.#pause();
          if (--this.#left > 0) {
            call(...given);
            return;
          }
          this.#draw();
          if (this.dice(2) === 0) call(...given);
          throw new Death();
        };
      },
    };
  }
}
