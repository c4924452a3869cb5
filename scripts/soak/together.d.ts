export function measureTogether(
  rounds: number,
  command: readonly string[],
  say: (line: string) => void,
): Promise<void>;
