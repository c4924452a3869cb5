import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseConfig } from '../../config/load.js';
import { UserError } from '../../errors.js';
import { CONFIG_FILE } from '../../run/run-directory.js';
import { compareWithDefaults } from './config-view.js';
import type { ConfigView } from './wire.js';

/** The config that a run's directory holds, beside its defaults. */
export function readRunConfig(directory: string): ConfigView {
  const file = path.join(directory, CONFIG_FILE);
  try {
    return { entries: compareWithDefaults(parseConfig(readFileSync(file, 'utf8'), file)) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined && !(error instanceof UserError)) throw error;
    const fault = code === undefined ? (error as UserError).sentences[0]! : `${file}: ${code}`;
    return { entries: [], fault };
  }
}
