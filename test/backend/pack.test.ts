import { LSTM_ROWS } from '../../src/backend/kernels/lstm.js';
import { pack, packBias } from '../../src/backend/kernels/pack.js';
import {
  PLAIN_ROWS,
  packedPanels,
  unitsOf,
  withoutGaps,
  type RowMap,
} from '../../src/backend/kernels/rows.js';
import { PANEL, panelsOf } from '../../src/tensor/heap.js';
import { describeContract, type KernelCase } from './contract.js';
import { nameOf, partialMaps } from './row-maps.js';
import { uniform, zeros } from './workbench.js';

interface PackCase {
  rows: number;
  columns: number;
  map?: RowMap;
  isBackward?: boolean;
  units?: [number, number];
}

function packCase({
  rows,
  columns,
  map = PLAIN_ROWS,
  isBackward = true,
  units,
}: PackCase): KernelCase {
  const [from, to] = units ?? [0, unitsOf(rows, map)];
  const panels = packedPanels(rows, map);
  return {
    name: `packing ${rows} × ${columns}${nameOf(map)}, ${isBackward ? 'both ways' : 'forwards'}, units ${from}–${to}`,
    prepare(bench) {
      const weight = bench.tensor('weight', [rows, columns], uniform(1, 1));
      // The filling of last panels is zero from the start and stays so.
      const forward = bench.panels('forward', panelsOf(columns) * PANEL, panels * PANEL, zeros);
      const backward = bench.panels('backward', panels * PANEL, columns, zeros);
      const call = bench.backend.bind(pack, {
        weight,
        rows: map,
        forward,
        ...(isBackward && { backward }),
      });
      return () => call(from, to);
    },
  };
}

describeContract('pack', [
  ...[1, 15, 16, 17, 33].map((columns) => packCase({ rows: 37, columns })),
  ...[7, 16, 20].map((hidden) => packCase({ rows: 4 * hidden, columns: 20, map: LSTM_ROWS })),
  packCase({ rows: 132, columns: 20, map: LSTM_ROWS, units: [3, 9] }),
  ...partialMaps.flatMap((map) =>
    [7, 16, 20].map((height) => packCase({ rows: map.blocks * height, columns: 20, map })),
  ),
  packCase({ rows: 132, columns: 20, map: partialMaps[1]!, units: [2, 7] }),
  packCase({ rows: 60, columns: 20, map: withoutGaps(partialMaps[1]!) }),
  packCase({ rows: 37, columns: 20, isBackward: false }),
  packCase({ rows: 68, columns: 50, map: LSTM_ROWS }),
]);

function packBiasCase(rows: number, map: RowMap, secondMap?: RowMap): KernelCase {
  const units = unitsOf(rows, map);
  const other = secondMap ? ` and another${nameOf(secondMap)}` : '';
  return {
    name: `packing a bias of ${rows}${nameOf(map)}${other}`,
    prepare(bench) {
      const first = bench.tensor('first', [rows], uniform(1, 1));
      const bias = bench.tensor('second', [rows], uniform(1, 2));
      const out = bench.tensor('out', [packedPanels(rows, map) * PANEL], zeros);
      const call = bench.backend.bind(packBias, {
        first,
        rows: map,
        ...(secondMap && { second: { bias, rows: secondMap } }),
        out,
      });
      return () => call(0, units);
    },
  };
}

describeContract('packBias', [
  packBiasCase(37, PLAIN_ROWS),
  packBiasCase(37, PLAIN_ROWS, PLAIN_ROWS),
  packBiasCase(80, LSTM_ROWS, LSTM_ROWS),
  packBiasCase(64, LSTM_ROWS),
  packBiasCase(60, partialMaps[0]!, partialMaps[1]),
  packBiasCase(96, partialMaps[1]!),
  packBiasCase(40, partialMaps[2]!, partialMaps[2]),
]);
