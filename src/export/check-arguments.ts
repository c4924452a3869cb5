import { describeValue } from '../config/expectation.js';
import { UserError } from '../errors.js';
import {
  checkOptions,
  checkpoint,
  flag,
  isPath,
  listener,
  oneOf,
  type Options,
} from '../use/check-options.js';
import type { WebExportOptions } from './web-export.js';

const webExportOptions: Options<WebExportOptions> = {
  checkpoint,
  weights: oneOf('float32', 'int8'),
  data: {
    expected: 'a list of files or globs',
    fits: (value) => Array.isArray(value) && value.length > 0 && value.every(isPath),
  },
  overwrite: flag,
  listener,
};

/** @throws UserError naming what of `exportForWeb`'s arguments is missing, unknown or of another kind */
export function checkExportArguments(run: unknown, out: unknown, options: WebExportOptions): void {
  if (!isPath(run)) {
    throw new UserError(
      `exportForWeb: expected the directory of a run or of a checkpoint, got ${describeValue(run)}`,
    );
  }
  if (!isPath(out)) {
    throw new UserError(
      `exportForWeb: out: expected the name of a directory, got ${describeValue(out)}`,
    );
  }
  checkOptions('exportForWeb', options, webExportOptions, 'options');
}
