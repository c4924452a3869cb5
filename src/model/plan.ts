import { MOST_SETTINGS, updateScratch } from '../backend/kernels/update.js';
import { GRADIENT_SCRATCH } from '../backend/kernels/weight-gradient.js';
import { PANEL, panelsOf, type BufferSpec, type HeapPlan } from '../tensor/heap.js';
import type { BatchLayout } from './batch-layout.js';
import { TEAM_FIELDS } from './batch-layout.js';
import { elementsOf, parametersOf, type NetworkShape, type Parameter } from './parameters.js';
import { CLAIMED_PHASES, MOST_PIECES } from './shares.js';
import { largestTeam } from './teams.js';

/** Everything that decides how much memory a network takes. */
export interface NetworkSizes {
  shape: NetworkShape;
  /** Largest batch: rows, tokens over all rows, and tokens of one row. */
  maxRows: number;
  maxTokens: number;
  maxSteps: number;
  /** Workers that a step is divided among, and the teams that they work in. */
  parts: number;
  teams: number;
  shards: number;
  /** Share of every layer's outputs dropped in training. */
  dropout: number;
  seed: number;
  /** Whether gradients and optimizer state are needed. */
  training: boolean;
}

/**
 * Batches that can be laid out at the same time. The two of a pair alternate, so that one is filled while the
 * other is computed, and carried state is read from one's buffers and written to the other's. Evaluation has
 * a pair of its own: it must not disturb the state that training carries. Predictions, which nobody asks for while
 * training goes on, take its pair, and can so stand between two batches of an evaluation.
 */
export const SLOT = { training: 0, prediction: 0, evaluation: 2 } as const;
export const SLOTS = 4;

/** Where the time of a task goes. */
export const CLOCKS = [
  'gather',
  'input product',
  'recurrence',
  'dropout',
  'head',
  'loss',
  'weight gradients',
  'embedding gradients',
  'update',
] as const;

export interface ParameterPlan extends Parameter {
  value: BufferSpec;
  /** Training only. Both biases of a layer share one gradient; the embedding's is by distinct token. */
  moment1?: BufferSpec;
  moment2?: BufferSpec;
  gradient?: BufferSpec;
  done?: BufferSpec;
  squares?: BufferSpec;
}

export interface PackedWeight {
  /** [units, inputs, 16]: Wᵀ for x Wᵀ */
  forward: BufferSpec;
  /** [input panels, 16 units, 16]: W for dy W */
  backward: BufferSpec;
}

export interface LayerPlan {
  inputWeight: PackedWeight;
  hiddenWeight: PackedWeight;
  bias: BufferSpec;
  gates: BufferSpec;
  hidden: BufferSpec;
  cell: BufferSpec;
  /** Outputs after dropout. */
  dropped?: BufferSpec;
  /** By slot: [2 U, rows, 16] hidden and cell state after a batch. */
  states: BufferSpec[];
}

/** What the recurrence hands from step to step, by rank: small, so that it stays in the caches. */
export interface WorkPlan {
  hidden: BufferSpec;
  cell: BufferSpec;
  gates: BufferSpec;
  places: BufferSpec;
}

export type SlotPlan = Record<keyof BatchLayout, BufferSpec>;

export interface NetworkPlan {
  sizes: NetworkSizes;
  parameters: ParameterPlan[];
  layers: LayerPlan[];
  headWeight: PackedWeight;
  headBias: BufferSpec;
  /** Distinct tokens: their embeddings (later: gradients of these) and input products (later: gradients). */
  embedded: BufferSpec;
  projected: BufferSpec;
  logits: BufferSpec;
  losses: BufferSpec;
  predicted: BufferSpec;
  /** Classifier: last hidden states after dropout, and their gradient. */
  lastDropped?: BufferSpec;
  dLast?: BufferSpec;
  dHidden?: BufferSpec;
  work: WorkPlan;
  slots: SlotPlan[];
  /** By slot: where each part's share of the work begins, from 0 to 1. [parts + 1] */
  bounds: BufferSpec[];
  /** [parts, 16]: seconds that each part would have taken for all weight gradients of the latest step. */
  gradientSeconds: BufferSpec;
  /** [phases, parts · pieces]: which part does which piece of the work; zeros before a stage (see shares.ts). */
  claims: BufferSpec;
  settings: BufferSpec;
  /** By thread: scratch of the gradient and update kernels. */
  scratch: BufferSpec[];
  /** [parts, clocks]: seconds spent, by part and kind of work. */
  clocks: BufferSpec;
  /** By thread: arguments of bound kernels; and which threads are taken. */
  argumentSpaces: BufferSpec[];
  threadOwners: BufferSpec;
  /** [parts, 16]: how many phases each part has finished. */
  progress: BufferSpec;
  /** [parts, 16]: how often each part has come to a meeting of its team; and how often a stage had to begin anew. */
  arrivals: BufferSpec;
  attempt: BufferSpec;
}

/** Places for tokens: a block of an even number of them is followed by an empty one (see batch-layout.ts). */
export function maxPlaces({ maxTokens, maxRows }: NetworkSizes): number {
  return maxTokens + maxRows;
}

/** Threads that may hold a place at once: every worker, and as many that have died and are not yet buried. */
export function threadPlaces(parts: number): number {
  return 2 * parts + 2;
}

/** Adds every buffer of a network to a heap plan. Pure: the same sizes give the same plan on every thread. */
export function planNetwork(heap: HeapPlan, sizes: NetworkSizes): NetworkPlan {
  const { shape, maxRows, maxTokens, training } = sizes;
  const classify = shape.task === 'classify';
  const distinct = Math.min(shape.vocabulary, maxTokens);
  const widest = Math.max(...shape.layers);
  const widestUnits = panelsOf(widest) * PANEL;
  const places = maxPlaces(sizes);
  const outputs = classify ? maxRows : places;
  const parameters = parametersOf(shape).map((parameter) =>
    planParameter(heap, parameter, training, distinct),
  );
  // Both biases of a layer have the same gradient: the second refers to the first's.
  for (const parameter of parameters) {
    if (!parameter.name.includes('bias_hh')) continue;
    const twin = parameters.find((p) => p.name === parameter.name.replace('bias_hh', 'bias_ih'))!;
    if (twin.gradient) parameter.gradient = twin.gradient;
  }

  const layers = shape.layers.map((hidden, layer): LayerPlan => {
    const name = `layer ${layer} `;
    const input = layer === 0 ? shape.embedding : shape.layers[layer - 1]!;
    const gates = 4 * panelsOf(hidden) * PANEL;
    const dropped = sizes.dropout > 0 && !(classify && layer === shape.layers.length - 1);
    return {
      inputWeight: planPacked(heap, `${name}packed input weight`, gates, input),
      hiddenWeight: planPacked(heap, `${name}packed hidden weight`, gates, hidden),
      bias: heap.tensor(`${name}packed bias`, [gates]),
      gates: heap.panels(`${name}gates`, places, gates),
      // Behind the tokens' places: one a row for the state at the start of the batch.
      hidden: heap.panels(`${name}hidden`, places + maxRows, hidden),
      cell: heap.panels(`${name}cell`, places + maxRows, hidden),
      ...(dropped && { dropped: heap.panels(`${name}dropped`, places, hidden) }),
      states: Array.from({ length: SLOTS }, (_, slot) =>
        heap.panels(`${name}state ${slot}`, maxRows, 2 * panelsOf(hidden) * PANEL),
      ),
    };
  });

  const top = shape.layers.at(-1)!;
  const threads = threadPlaces(sizes.parts);
  const members = largestTeam(sizes);
  const argumentDoubles = SLOTS * (24 + 24 * layers.length) * 32;
  return {
    sizes,
    parameters,
    layers,
    headWeight: planPacked(heap, 'packed head weight', panelsOf(shape.outputs) * PANEL, top),
    headBias: heap.tensor('packed head bias', [panelsOf(shape.outputs) * PANEL]),
    embedded: heap.panels('embedded', distinct, shape.embedding),
    projected: heap.panels('projected', distinct, 4 * panelsOf(shape.layers[0]!) * PANEL),
    logits: heap.panels('logits', outputs, shape.outputs),
    losses: heap.tensor('losses', [outputs]),
    predicted: heap.indices('predicted', outputs),
    ...(classify &&
      sizes.dropout > 0 && { lastDropped: heap.panels('last hidden, dropped', maxRows, top) }),
    ...(training && {
      ...(classify && { dLast: heap.panels('d last hidden', maxRows, top) }),
      dHidden: heap.panels('d hidden', places, widest),
    }),
    work: {
      hidden: heap.panels('work hidden', maxRows, Math.max(2 * widestUnits, 2 * members * PANEL)),
      cell: heap.panels('work cell', maxRows, widestUnits),
      gates: heap.panels(
        'work gates',
        maxRows,
        Math.max(training ? 8 * widestUnits : 0, 4 * members * PANEL),
      ),
      places: heap.indices('work places', 2 * members, maxRows),
    },
    slots: Array.from({ length: SLOTS }, (_, slot) => planSlot(heap, slot, sizes, distinct)),
    bounds: Array.from({ length: SLOTS }, (_, slot) =>
      heap.doubles(`slot ${slot} bounds`, sizes.parts + 1),
    ),
    gradientSeconds: heap.doubles('gradient seconds', sizes.parts, PANEL),
    claims: heap.indices('claims', CLAIMED_PHASES.length, sizes.parts * MOST_PIECES),
    settings: heap.doubles('optimizer settings', MOST_SETTINGS),
    scratch: Array.from({ length: threads }, (_, thread) =>
      heap.tensor(`scratch ${thread}`, [
        training
          ? Math.max(GRADIENT_SCRATCH, updateScratch(Math.max(shape.embedding, widest)))
          : PANEL,
      ]),
    ),
    clocks: heap.doubles('clocks', sizes.parts, PANEL),
    argumentSpaces: Array.from({ length: threads }, (_, thread) =>
      heap.doubles(`kernel arguments ${thread}`, argumentDoubles),
    ),
    threadOwners: heap.indices('thread owners', threads),
    progress: heap.indices('progress', sizes.parts, PANEL),
    arrivals: heap.indices('arrivals', sizes.parts, PANEL),
    attempt: heap.indices('attempt', PANEL),
  };
}

function planParameter(
  heap: HeapPlan,
  parameter: Parameter,
  training: boolean,
  distinct: number,
): ParameterPlan {
  const { name, shape, units } = parameter;
  const value = heap.tensor(name, shape);
  if (!training) return { ...parameter, value };
  const embedding = name === 'embedding.weight';
  const sharesGradient = name.includes('bias_hh');
  return {
    ...parameter,
    value,
    moment1: heap.tensor(`${name} first moment`, shape),
    moment2: heap.tensor(`${name} second moment`, shape),
    // The embedding's gradient takes the place of the embedded tokens once these are used up.
    ...(!embedding &&
      !sharesGradient && { gradient: heap.tensor(`${name} gradient`, wholePanels(shape)) }),
    done: heap.indices(`${name} done`, units),
    // A bias is summed, and its squares counted, together with the weights of the same rows.
    ...(shape.length === 2 && {
      squares: heap.doubles(`${name} squares`, embedding ? panelsOf(distinct) : units),
    }),
  };
}

/** A gradient has whole panels of columns, so that its rows are whole cache lines. */
function wholePanels([rows, columns]: readonly number[]): number[] {
  return columns === undefined ? [rows!] : [rows!, panelsOf(columns) * PANEL];
}

function planPacked(heap: HeapPlan, name: string, outputs: number, inputs: number): PackedWeight {
  return {
    forward: heap.panels(`${name} forward`, panelsOf(inputs) * PANEL, outputs),
    backward: heap.panels(`${name} backward`, outputs, inputs),
  };
}

function planSlot(heap: HeapPlan, slot: number, sizes: NetworkSizes, distinct: number): SlotPlan {
  const { maxRows, maxTokens, maxSteps, teams, shards, shape } = sizes;
  const places = maxPlaces(sizes);
  const indices = (name: string, ...lengths: number[]): BufferSpec =>
    heap.indices(`slot ${slot} ${name}`, ...lengths);
  return {
    header: indices('header', PANEL),
    teams: indices('teams', teams, TEAM_FIELDS),
    counts: indices('counts', teams * maxSteps),
    shardTokens: indices('shard tokens', shards + 1),
    shardRows: indices('shard rows', shards + 1),
    order: indices('order', maxTokens),
    rowStart: indices('row start', maxRows + 1),
    tokenPlaces: indices('token places', maxTokens),
    ranked: indices('ranked rows', maxRows),
    previous: indices('previous', maxTokens),
    runs: indices('runs', maxTokens),
    rowSource: indices('row source', maxRows),
    numbers: indices('numbers', places),
    distinctOf: indices('distinct of', places),
    distinctIds: indices('distinct ids', distinct),
    distinctStart: indices('distinct start', distinct + 1),
    distinctRange: indices('distinct range', 2),
    positions: indices('positions', maxTokens),
    distinctIndex: indices('distinct index', shape.vocabulary),
    targets: indices('targets', shape.task === 'classify' ? maxRows : places),
  };
}

/** Elements of all parameters, for the size of a checkpoint. */
export function parameterElements(plan: NetworkPlan): number {
  return plan.parameters.reduce((sum, parameter) => sum + elementsOf(parameter.shape), 0);
}
