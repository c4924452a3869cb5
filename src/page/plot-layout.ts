import uPlot from 'uplot';
import { colorOf, fade } from './colors.js';
import { smooth, type Line } from './lines.js';

export interface PlotLayout {
  data: uPlot.AlignedData;
  series: uPlot.Series[];
  bands: uPlot.Band[];
  /** Of each series: its line, or undefined for what is drawn beside one. */
  drawn: (Line | undefined)[];
}

/** Lines as uPlot has them: of common steps, with a band from the least to the greatest value around a mean. */
export function layOut(
  lines: readonly Line[],
  { smoothing, stacked }: { smoothing: number; stacked: boolean },
): PlotLayout {
  const tables: uPlot.AlignedData[] = [];
  const series: uPlot.Series[] = [{}];
  const bands: uPlot.Band[] = [];
  const drawn: (Line | undefined)[] = [undefined];
  const add = (steps: number[], values: (number | null)[], options: uPlot.Series, line?: Line) => {
    tables.push([steps, values]);
    drawn.push(line);
    return series.push({ spanGaps: false, points: { show: false }, ...options }) - 1;
  };
  for (const line of lines) {
    const color = colorOf(line.color);
    const { steps, mean, min, max } = line;
    if (min !== undefined && max !== undefined) {
      const none = { width: 0, stroke: 'transparent' };
      const above = add(steps, max, none);
      const below = add(steps, min, none);
      bands.push({ series: [above, below], fill: fade(color, 0.18) });
    }
    const isSmooth = smoothing > 0 && line.sparse !== true && !stacked;
    if (isSmooth && min === undefined) add(steps, mean, { stroke: fade(color, 0.3), width: 1 });
    const at = add(
      steps,
      isSmooth ? smooth(mean, smoothing) : mean,
      {
        stroke: color,
        width: stacked ? 0.5 : 1.75,
        ...(line.dashed === true && { dash: [6, 4] }),
        points: { show: line.sparse === true && steps.length < 200, size: 5, fill: color },
      },
      line,
    );
    if (stacked) {
      if (at === 1) series[at]!.fill = fade(color, 0.75);
      else bands.push({ series: [at, at - 1], fill: fade(color, 0.75) });
    }
  }
  const data = tables.length === 1 ? tables[0]! : uPlot.join(tables);
  return { data, series, bands, drawn };
}
