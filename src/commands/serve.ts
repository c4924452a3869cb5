import type { Writable } from 'node:stream';
import { taskOf } from '../tasks/registry.js';
import type { Context } from './context.js';
import { defineCommand } from './define.js';
import type { TrainedModel } from './library.js';
import {
  modelOptions,
  numberFrom,
  runPositional,
  toOpenOptions,
  wholeNumber,
} from './options/options.js';
import { aborted, readAccess, serverOptions } from './options/server-options.js';
import { printLines } from './table.js';
import { shellWord } from '../system/shell-word.js';
import { UserError } from '../errors.js';

const DEFAULT_PORT = 8080;

export const serveCommand = (context: Context) =>
  defineCommand({
    command: 'serve <run>',
    describe:
      'Serves a model over HTTP: predictions, text or translations, metrics and an OpenAPI document',
    positionals: runPositional,
    options: {
      ...modelOptions,
      ...serverOptions(DEFAULT_PORT),
      'max-texts': {
        type: 'string',
        coerce: wholeNumber('max-texts', 1),
        default: 256,
        requiresArg: true,
        describe: 'Texts of a request, at most',
      },
      'max-length': {
        type: 'string',
        coerce: wholeNumber('max-length', 1),
        default: 2000,
        requiresArg: true,
        describe: 'Tokens that a request has generated, at most',
      },
      'max-body': {
        type: 'string',
        coerce: wholeNumber('max-body', 1),
        default: 2 ** 20,
        requiresArg: true,
        describe: "Bytes of a request's body, at most",
      },
      'queue-size': {
        type: 'string',
        coerce: wholeNumber('queue-size', 1),
        default: 4096,
        requiresArg: true,
        describe:
          'Texts that wait or are computed at a time; further ones are refused with status 503',
      },
      timeout: {
        type: 'string',
        coerce: numberFrom('timeout', 0.001, LONGEST_TIMEOUT),
        default: 30,
        requiresArg: true,
        describe: 'Seconds that a request may take',
      },
      reload: {
        type: 'boolean',
        default: true,
        describe:
          'Has a new best checkpoint of the run answer from then on; --no-reload stays with the first',
      },
    },
    async run({ run, port, reload, ...args }) {
      const { maxTexts, maxLength, maxBody, queueSize, timeout } = args;
      if (maxTexts > queueSize) {
        throw new UserError(
          `--max-texts: expected at most as many as --queue-size (${queueSize}), got ${maxTexts}`,
        );
      }
      const notify = (message: string): void => printLines(context.stderr, [message]);
      // Both take a while.
      const [{ openModel }, { serveModel, LIMITS }] = await Promise.all([
        context.loadModels(),
        import('../serve/index.js'),
      ]);
      const access = await readAccess(args);
      // From now on: a signal that comes while the model is opened must not be lost.
      const caught = context.catchSignals(() => true);
      try {
        const openOptions = toOpenOptions(args, context);
        const server = await serveModel(
          {
            run,
            ...(args.checkpoint !== undefined && { checkpoint: args.checkpoint }),
            open: (onBatch) => openModel(run, { ...openOptions, onBatch }),
          },
          {
            port,
            access,
            limits: {
              ...LIMITS,
              ...{ texts: maxTexts, length: maxLength, bodyBytes: maxBody, queue: queueSize },
              timeoutMs: timeout * 1000,
            },
            reloads: reload && canChange(args.checkpoint),
            notify,
          },
        );
        announce(context.stdout, server.model, server.url, args.tokenFile);
        await aborted(caught.signal);
        // All has been answered: that a signal ended it is no failure, as it is of work that was left undone.
        await server.close();
      } finally {
        caught.release();
      }
    },
  });

/** A day, in seconds: a timer that is set to more than 24 of them would go off at once. */
const LONGEST_TIMEOUT = 86_400;

/** A checkpoint that is named is always that one. */
function canChange(checkpoint: string | undefined): boolean {
  return checkpoint === undefined || checkpoint === 'best' || checkpoint === 'latest';
}

function announce(
  stdout: Writable,
  model: TrainedModel,
  url: string,
  tokenFile: string | undefined,
): void {
  const { call, model: kind } = taskOf(model.config.task);
  const [path, body] = {
    classify: ['/predict', '{"texts": ["Some text"]}'],
    regress: ['/predict', '{"texts": ["Some text"]}'],
    tag: ['/predict', '{"sentences": [["Some", "words"]]}'],
    translate: ['/translate', '{"texts": ["Some text"]}'],
    generate: ['/generate', '{"prompt": "Once"}'],
  }[call] as [string, string];
  const token =
    tokenFile === undefined ? '' : ` -H "Authorization: Bearer $(cat ${shellWord(tokenFile)})"`;
  printLines(stdout, [
    `Serving ${model.checkpoint}, ${kind}, at ${url} (the API: ${url}/openapi.json); Ctrl-C ends it.`,
    `Next: curl${call === 'generate' ? ' -N' : ''} ${url}${path}${token} -H 'Content-Type: application/json' -d '${body}'`,
  ]);
}
