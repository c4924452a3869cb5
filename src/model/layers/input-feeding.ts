import { bindLayers, type PlannedLayers } from '../bind-layers.js';
import type { Binding } from '../binding.js';
import {
  defineAmong,
  UnfitInput,
  type BoundGradient,
  type BoundLayer,
  type BoundSignal,
  type LayerKind,
  type NetworkLayer,
  type RowPasses,
  type SequencePasses,
  type StepLayer,
  type StepPasses,
} from '../layer.js';
import { SharedBuffers } from '../shared-buffers.js';
import { planGradients } from '../signal-gradients.js';
import type { Share } from '../work/teams.js';
import type { Zod } from '../../zod.js';
import { add } from './add.js';
import { concatenate } from './concatenate.js';
import { crossAttentionByPlace } from './cross-attention.js';
import { dense } from './dense.js';
import { dropout } from './dropout.js';
import { fed } from './fed.js';
import { Feed } from './feed.js';
import { gru } from './gru.js';
import { layerNorm } from './layer-norm.js';
import { lstm } from './lstm.js';
import { rnn } from './rnn.js';
import { StepPlaces } from './step-places.js';

/** Kinds that can go token by token: each token from what stands below it, or from that and the token before. */
const STEPPING: readonly LayerKind[] = [
  ...[fed, lstm, gru, rnn, dense, dropout, layerNorm],
  ...[add, concatenate, crossAttentionByPlace],
];

const options = (z: Zod) =>
  z.strictObject({
    layers: z
      .array(z.custom<StepLayer['description']>())
      .min(2)
      .describe('What goes step by step; the first one is fed with what the last one leaves.'),
  });

/**
 * Layers that go step by step, since the lowest reads what has come of the token before at the top: the attentional vector of Luong et al.
 * (2015). It is a small network of layers as they are: of each step those over single tokens compute what stands at the places of its tokens, and
 * recurrent ones go one step further. Weights get their gradients as ever, over all tokens, when all steps have been gone through.
 */
export const inputFeeding = defineAmong({
  kind: 'input-feeding',
  options,
  accepts: ['token'],
  crosses: true,
  describe({ layers: descriptions }, outer, { module, index }) {
    const inner: NetworkLayer[] = [];
    for (const { kind, options: own, inputs: places, name } of descriptions) {
      const found = STEPPING.find((each) => each.kind === kind);
      if (!found) {
        throw new UnfitInput(
          `expected layers that go from token to token below attention, where what comes of a token is fed to the next one, got ${kind}`,
        );
      }
      const below = places.map((place) => (place < 0 ? outer[-1 - place] : inner[place]?.output)!);
      inner.push(found.describe(own, below, name));
    }
    const inputs = descriptions.map(({ inputs: places }) => places);
    const recurrences = inner.flatMap((layer) => layer.recurrences ?? []);
    const { width } = inner.at(-1)!.output;
    return {
      output: { per: 'token', width },
      reads: 'whole',
      parameters: inner.flatMap(({ parameters }) => parameters),
      carried: [],
      recurrences,
      steps: inner.map((layer, place) => ({ description: descriptions[place]!, layer })),
      gradientInPlace: false,
      kernels: 32 * inner.length,
      // Around every call of a recurrent layer, and around all.
      meetings: (steps) =>
        4 + recurrences.reduce((sum, { meetings }) => sum + 2 * meetings * (steps + 1), 0),
      multiplyAdds: (tokens, rows) =>
        inner.reduce((sum, layer) => sum + layer.multiplyAdds(tokens, rows), 0),
      plan(heap, sizes) {
        const planned = inner.map((layer) => {
          // Each has its own: what goes from step to step lies there while others come between.
          const work = new SharedBuffers();
          const made = { ...layer, ...layer.plan(heap, sizes, work) };
          work.allocate(heap);
          return made;
        });
        const network: PlannedLayers = {
          ...{ layers: planned, inputs },
          ...(sizes.training && {
            gradients: planGradients(heap, planned, inputs, sizes, `${module} ${index} d signal`),
          }),
        };
        const attention = planned.find((layer) => layer.attention)?.attention;
        return {
          values: planned.at(-1)!.values!,
          inner: planned,
          ...(attention && { attention }),
          bind: (binding, bound, gradient) => bindSteps(binding, network, bound, gradient, width),
        };
      },
    };
  },
});

interface Stepping {
  rows: RowPasses[];
  recurrent: StepPasses[];
  /** From the bottom. */
  all: readonly (RowPasses | StepPasses)[];
}

function steppingOf(layers: readonly BoundLayer[]): Stepping {
  const all = layers.flatMap(({ passes }): (RowPasses | StepPasses)[] => {
    if (!passes) return [];
    return passes.by === 'rows' ? [passes] : [(passes as Required<SequencePasses>).steps];
  });
  return {
    all,
    rows: all.filter((each): each is RowPasses => 'by' in each),
    recurrent: all.filter((each): each is StepPasses => 'calls' in each),
  };
}

/** @param width of what is fed */
function bindSteps(
  binding: Binding,
  planned: PlannedLayers,
  outer: readonly BoundSignal[],
  gradient: BoundGradient,
  width: number,
): BoundLayer {
  const { view, clock } = binding;
  const { layers, top } = bindLayers(
    binding,
    planned,
    (place) => outer[-1 - place]!,
    binding.training ? gradient : undefined,
  );
  const { all, rows, recurrent } = steppingOf(layers);
  const places = new StepPlaces(binding);
  const fedGradient = planned.gradients?.outputs[0]!.whole;
  const feed = new Feed(binding, width, {
    fed: layers[0]!.output.value,
    states: planned.layers[0]!.states!.map((spec) => binding.heap.tensor(spec)),
    top: top.value,
    ...(binding.training && {
      gradients: { fed: binding.heap.tensor(fedGradient!), top: top.gradient! },
    }),
  });
  /** Runs a layer over single tokens at the places that have been found. */
  const runRows = (
    layer: RowPasses | StepPasses,
    part: number,
    count: number,
    isBack: boolean,
  ): void => {
    for (let i = 0; i < count; i++) {
      const [place0, place1] = [places.begins[part]![i]!, places.ends[part]![i]!];
      if ('calls' in layer) {
        if (isBack) layer.behind(place0, place1);
        else layer.before(place0, place1);
      } else if (isBack) layer.backward!(place0, place1);
      else layer.forward(place0, place1);
    }
  };
  const passes: SequencePasses = {
    by: 'sequence',
    *forward(part): Share {
      const isTeam = view.isInTeam(part);
      const meet = () => clock.start(part);
      for (const layer of recurrent) layer.begin(part);
      for (const layer of rows) layer.begin?.(part);
      feed.begin(part);
      if (isTeam) {
        yield;
        meet();
      }
      for (const layer of recurrent) layer.enter(part);
      if (isTeam) {
        yield;
        meet();
      }
      const steps = places.steps(part);
      for (let t = 0; t < steps; t++) {
        const count = places.find(part, t);
        for (const layer of all) {
          runRows(layer, part, count, false);
          if (!('calls' in layer)) continue;
          for (let call = 0; call < layer.calls; call++) {
            // What it reads others have computed, at the places that they have.
            if (isTeam) {
              yield;
              meet();
            }
            layer.forward(part, layer.calls * t + call);
          }
          if (isTeam) {
            yield;
            meet();
          }
        }
        for (let i = 0; i < count; i++)
          feed.forward(t, places.begins[part]![i]!, places.ends[part]![i]!);
      }
      if (isTeam) yield;
    },
  };
  const layer: BoundLayer = {
    output: { value: top.value },
    passes,
    prepare: (part) => layers.forEach((each) => each.prepare?.(part)),
    packs: layers.flatMap(({ packs }) => packs),
  };
  if (!binding.training) return layer;
  return {
    ...layer,
    passes: {
      ...passes,
      *backward(part: number): Share {
        const isTeam = view.isInTeam(part);
        const meet = () => clock.start(part);
        for (const each of rows) each.beginBackward?.(part);
        if (isTeam) {
          yield;
          meet();
        }
        for (let t = places.steps(part) - 1; t >= 0; t--) {
          const count = places.find(part, t);
          for (let i = 0; i < count; i++)
            feed.backward(t, places.begins[part]![i]!, places.ends[part]![i]!);
          for (let at = all.length - 1; at >= 0; at--) {
            const each = all[at]!;
            if ('calls' in each) {
              for (let call = each.calls - 1; call >= 0; call--) {
                if (isTeam) {
                  yield;
                  meet();
                }
                each.backward(part, each.calls * t + call);
              }
              if (isTeam) {
                yield;
                meet();
              }
            }
            runRows(each, part, count, true);
          }
        }
        for (const each of recurrent) each.leave(part);
        if (isTeam) {
          yield;
          meet();
        }
        for (const each of recurrent) each.end(part);
        if (isTeam) yield;
      },
    },
    weightGradients: layers.flatMap(({ weightGradients = [] }) => weightGradients),
  };
}
