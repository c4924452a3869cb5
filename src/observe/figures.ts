import { formatCount } from '../system/counted.js';

/** Numbers as people read them. */

export { formatCount };

/** 65536 → "64.0 KiB". */
export function formatBytes(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]!}`;
}

/** Seconds → "0.4 s", "12 s", "3 min 5 s", "2 h 4 min", "3 d 2 h". */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return 'unknown time';
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** 0.0123456 → "0.01235", 12345.6 → "12,346": four digits of a small number, all of a large one's whole part. */
export function formatNumber(value: number): string {
  const size = Math.abs(value);
  if (size >= 1000 && size < 1e15) return formatCount(value);
  return String(Number(value.toPrecision(4)));
}

/** 0.98765 → "98.8 %". */
export function formatShare(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
