import { choosePrecision } from '../backend/select.js';
import type { NamedConfig } from '../config/load.js';

/**
 * Settles `train.precision: auto`, once for a whole run: by what it was begun with, else by what this machine has.
 *
 * @param former config that the run has gone by so far
 */
export function settlePrecision(config: NamedConfig, former?: NamedConfig): NamedConfig {
  const { train, backend } = config;
  if (train.precision !== 'auto') return config;
  const begun = former?.train.precision ?? 'auto';
  const precision = begun === 'auto' ? choosePrecision(backend) : begun;
  return { ...config, train: { ...train, precision } };
}

/**
 * What `auto` has become.
 *
 * @param resumes whether by what the run was begun with
 */
export function describeSettled({ train: { precision } }: NamedConfig, resumes: boolean): string {
  const why = resumes
    ? 'with which the run was begun'
    : precision === 'bfloat16'
      ? 'which the backend multiplies in the tiles of AMX'
      : 'since the backend has no AMX to multiply bfloat16 in';
  return `train.precision: auto stands for ${precision}, ${why}.`;
}
