import { openHeap, type EngineHandle } from '../compute/engine-memory.js';
import type { Stage } from '../compute/messages.js';
import { HEADER, TEAM, TEAM_FIELDS, type BatchLayout } from '../model/batch/batch-layout.js';
import { viewSlot } from '../model/batch/slot-plan.js';
import type { NetworkLayer } from '../model/layer.js';
import { elementsOf } from '../model/weights/parameters.js';
import { microsecondsOf } from '../model/work/teams.js';

/** Weights that a core packs in a microsecond, about. */
const PACKED = 1000;

/** Tells, roughly, how long one thread would take for the stages of an engine. */
export class StageWork {
  readonly #layers: readonly NetworkLayer[];
  readonly #slots: readonly BatchLayout[];
  readonly #weights: number;

  constructor(handle: EngineHandle) {
    const { heap, plan } = openHeap(handle);
    this.#layers = plan.layers;
    this.#slots = plan.slots.map((slot) => viewSlot(heap, slot));
    this.#weights = plan.parameters.reduce((sum, { shape }) => sum + elementsOf(shape), 0);
  }

  /** @param slot whose batch has been laid out */
  microseconds(stage: Stage, slot: number): number {
    if (stage === 'pack') return this.#weights / PACKED;
    const batch = this.#slots[slot]!;
    return this.#layers.reduce((sum, layer) => {
      if (layer.of !== 'source') return sum + microsecondsOfLayer(layer, batch);
      // It has been read by then.
      if (stage === 'predict-next' || stage === 'rank-next') return sum;
      return sum + microsecondsOfLayer(layer, batch.source!);
    }, 0);
  }
}

/** A layer of rows is one product; in a recurrence each time step is one of its own. */
function microsecondsOfLayer(
  layer: Pick<NetworkLayer, 'multiplyAdds'>,
  { header, teams }: Pick<BatchLayout, 'header' | 'teams'>,
): number {
  const rows = Math.max(1, header[HEADER.rows]!);
  const tokens = Math.max(1, header[HEADER.tokens]!);
  let steps = 1;
  for (let team = 0; team < teams.length; team += TEAM_FIELDS) {
    steps = Math.max(steps, teams[team + TEAM.steps]!);
  }
  return steps * microsecondsOf(layer.multiplyAdds(tokens, rows) / tokens, tokens / steps);
}
