interface Outcomes {
  readonly store: Readonly<Record<string, number>>;
  readonly pieces: Readonly<Record<string, number>>;
}

export function flipSample(folder: string, stride: number): Promise<Outcomes[]>;
