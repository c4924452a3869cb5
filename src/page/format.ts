import { measureKind, type MeasureName } from '../measures.js';
import { formatDuration, formatNumber, formatShare } from '../observe/figures.js';

/** Numbers and times as the page shows them. */

export function formatMeasure(name: string, value: number | null | undefined): string {
  if (value === undefined) return '';
  if (value === null) return 'not a number';
  const { shown } = measureKind(name as MeasureName);
  if (shown === 'share') return formatShare(value);
  if (shown === 'digits' || Math.abs(value) >= 1000) return formatNumber(value);
  return value.toFixed(shown);
}

/** 0.0123 → "12.3 ms"; longer times in words. */
export function formatSeconds(seconds: number): string {
  if (seconds === 0) return '0';
  if (seconds < 0.001) return `${Number((1e6 * seconds).toPrecision(3))} µs`;
  if (seconds < 1) return `${Number((1000 * seconds).toPrecision(3))} ms`;
  return formatDuration(seconds);
}

/** An ISO time as the reader's clock has it. */
export function formatTime(time: string | undefined): string {
  if (time === undefined) return '';
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return '';
  return date.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
}

/** A value of a config in one line. */
export function formatValue(value: unknown): string {
  if (value === undefined) return '–';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
