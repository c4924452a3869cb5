/** What Prometheus and others call the format. */
export const OPEN_METRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/** Whether a client would rather have OpenMetrics than the older text format of Prometheus. */
export function prefersOpenMetrics(accept: string | undefined): boolean {
  if (accept === undefined) return false;
  const weightOf = (type: string): number => {
    const weights = accept.split(',').flatMap((range) => {
      const [name, ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
      if (name !== type) return [];
      const weight = parameters.find((parameter) => parameter.startsWith('q='));
      return weight === undefined ? 1 : Number(weight.slice(2)) || 0;
    });
    return Math.max(0, ...weights);
  };
  const own = weightOf('application/openmetrics-text');
  return own > 0 && own >= weightOf('text/plain');
}

/**
 * Metrics as OpenMetrics out of Prometheus' text format as prom-client writes it (which, asked for OpenMetrics itself, renames its counters for
 * good): the name of a counter's family is without `_total`, bounds of buckets are floats, and the text has an end.
 */
export function toOpenMetrics(text: string): string {
  const counters = new Set<string>();
  for (const [, name] of text.matchAll(/^# TYPE (\S+) counter$/gm)) counters.add(name!);
  const lines = text.split('\n').flatMap((line) => {
    if (line === '') return [];
    const [, word, name = '', rest = ''] = /^# (HELP|TYPE) (\S+)(.*)$/.exec(line) ?? [];
    if (word !== undefined) {
      const family = counters.has(name) ? name.replace(/_total$/, '') : name;
      return `# ${word} ${family}${rest}`;
    }
    return line.replace(/\ble="(\d+)"/, 'le="$1.0"');
  });
  return `${lines.join('\n')}\n# EOF\n`;
}
