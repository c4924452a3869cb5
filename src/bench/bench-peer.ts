import type { Precision } from '../backend/backend.js';
import type { BenchCase } from './bench-cases.js';
import { medianOf, openBench, type BenchOptions, type BenchResult } from './bench.js';
import { openPeer, PEER_WAYS, type Peer, type PeerWay } from './peer.js';
import { takeTurns, type Contender, type Quartiles } from './turns.js';

/** Of PyTorch beside which a case was timed. */
export interface PeerResult extends Peer {
  precision: Precision;
  /** The one that was best. */
  way: PeerWay;
  /** Tokens a second. */
  ways: Record<string, Quartiles>;
  rounds: number;
  isSteady: boolean;
}

export interface PeerOutcome {
  results: (BenchResult & {
    peer: PeerResult;
    /** Tokens a second, by turn. */
    turns: Quartiles;
    /** To PyTorch's best way. */
    ratio: Quartiles;
  })[];
  peer: PeerResult;
}

/**
 * Times a case in turns with PyTorch.
 *
 * @param each numbers of workers to train with, and how: PyTorch multiplies what the first one does
 * @param seconds of a turn
 * @throws UserError when PyTorch fails
 */
export async function benchBesidePeer(
  benchCase: BenchCase,
  each: readonly BenchOptions[],
  peer: Peer,
  seconds: number,
): Promise<PeerOutcome> {
  const { precision = 'float32' } = each[0]!;
  const opened: { close(): Promise<void> }[] = [];
  const open = async <T extends { close(): Promise<void> }>(opening: Promise<T>): Promise<T> => {
    const one = await opening;
    opened.push(one);
    return one;
  };
  try {
    const ways: Contender[] = [];
    for (const way of PEER_WAYS) {
      ways.push(await open(openPeer(peer, benchCase.name, way, precision)));
    }
    const trainings = [];
    for (const options of each) trainings.push(await open(openBench(benchCase, options)));
    const ours = trainings.map((training): Contender => ({
      name: 'Lockstep',
      async turn(length) {
        const median = medianOf(await training.train(length));
        return median.tokens / median.duration;
      },
      close: () => training.close(),
    }));
    const match = await takeTurns(ours, ways, seconds);
    const { ways: rates, rounds, isSteady } = match;
    const found = { ...peer, precision, way: match.best as PeerWay, ways: rates };
    const result: PeerResult = { ...found, rounds, isSteady };
    const results = [];
    for (const [i, training] of trainings.entries()) {
      const { rate, ratio } = match.ours[i]!;
      results.push({ ...(await training.result()), peer: result, turns: rate, ratio });
    }
    return { results, peer: result };
  } finally {
    for (const one of opened) await one.close();
  }
}
