import type { ConfigView } from '../board/wire.js';
import type { HealthSigns } from '../health.js';
import type { Access } from './access.js';

/** What the serving thread is started with. */
export interface ServerHandle {
  access: Access;
  port: number;
  /** Content type of the metrics. */
  metricsType: string;
  signs: HealthSigns;
  run: ServedRun;
}

/** The run that the page is about, which its files tell of. */
export interface ServedRun {
  /** Absolute. */
  directory: string;
  name: string;
  /** When its process began, in milliseconds: what its log tells of before is an earlier start. */
  since: number;
  config: ConfigView;
}

/** What the training is asked for. */
export type SnapshotName = 'metrics' | 'status';

/** From the serving thread. */
export type Report =
  | { type: 'listening'; address: string; port: number }
  | { type: 'refused'; code: string }
  | { type: 'wanted'; name: SnapshotName }
  /** After the end: a Prometheus is waited for, at most so long; and nobody is any more. */
  | { type: 'waiting'; milliseconds: number }
  | { type: 'read' };

/** To the serving thread. */
export type Order =
  | { type: 'snapshot'; name: SnapshotName; text: string }
  /** Nothing changes any more; a Prometheus that comes regularly may have so many milliseconds to see that. */
  | { type: 'ended'; texts: Record<SnapshotName, string>; patienceMs: number };
