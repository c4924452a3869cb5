/** How charts are looked at, all of them alike. */
export interface View {
  smoothing: number;
  logarithmic: boolean;
  /** Steps that are looked at; undefined shows all. */
  range?: { from: number; to: number } | undefined;
}

/** What the user can do in a chart. */
export interface ChartActions {
  zoom(from: number, to: number): void;
  reset(): void;
  open(run: string, step: number): void;
}
