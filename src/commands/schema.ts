import { formatJsonSchema } from '../config/json-schema.js';
import type { Context } from './context.js';
import { defineCommand } from './define.js';

export const schemaCommand = (context: Context) =>
  defineCommand({
    command: 'schema',
    describe: 'Prints the JSON Schema of config files, for editors',
    positionals: {},
    options: {},
    run() {
      context.stdout.write(formatJsonSchema());
      return Promise.resolve();
    },
  });
