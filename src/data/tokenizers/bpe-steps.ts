import { bytesOfToken } from './bpe-alphabet.js';
import type { Step } from './bpe-parsed.js';
import { cutBeforeSpace, splitByGpt2 } from './bpe-splitter.js';
import { TextBytes } from './text-bytes.js';
import type { Visit } from './word-splitter.js';

/**
 * The steps before merging. Those that we train with, and that GPT-2 has, are done here, several
 * times faster than through the package; all others by the package.
 */

/** Whether a normalizer is done here. */
export function isOwnNormalizer(step: Step | null): boolean {
  return step === null || step.type === 'Lowercase';
}

/** The normalizer of a tokenizer.json as a function. */
export function createNormalizer(step: Step | null): (text: string) => string {
  if (step === null) return (text) => text;
  if (isOwnNormalizer(step)) return lowerCase;
  const normalizer = loadSteps({ normalizer: step }).getNormalizer()!;
  return (text) => normalizer.normalizeString(text);
}

/**
 * Letter by letter, as the package does; JavaScript would make the last sigma of a word another
 * letter, which depends on what follows.
 */
function lowerCase(text: string): string {
  return text.replaceAll('Σ', 'σ').toLowerCase();
}

/** The pre-tokenizer of a tokenizer.json: how a text is cut into the words to encode. */
export interface WordCutter {
  /** Calls `visit` with every word in turn, as UTF-8. */
  readonly split: (text: string, visit: Visit) => void;
  /** As `Tokenizer.cut`. */
  readonly cut: (text: string) => number;
}

/** Whether a pre-tokenizer is done here. */
export function isOwnCutter(step: Step): boolean {
  return step.type === 'ByteLevel' && step['use_regex'] !== false;
}

export function createWordCutter(step: Step): WordCutter {
  if (isOwnCutter(step)) {
    const prefix = step['add_prefix_space'] === false ? '' : ' ';
    const buffer = new TextBytes();
    return {
      split: (text, visit) => {
        if (text === '') return;
        buffer.set(text.startsWith(' ') ? text : prefix + text);
        splitByGpt2(buffer.bytes.subarray(0, buffer.length), visit);
      },
      // A part that begins with a blank gets no other.
      cut: (text) => cutBeforeSpace(text, prefix !== ''),
    };
  }
  const preTokenizer = loadSteps({ pre_tokenizer: step }).getPreTokenizer()!;
  return {
    split: (text, visit) => {
      for (const [word] of preTokenizer.preTokenizeString(text)) {
        const bytes = bytesOfToken(word);
        visit(bytes, 0, bytes.length);
      }
    },
    // What other pre-tokenizers look at across a cut is not known.
    cut: () => 0,
  };
}

/** @throws RangeError with the package's reason for steps that it does not take. */
function loadSteps(steps: { normalizer?: Step; pre_tokenizer?: Step }) {
  // Loaded when it is needed: the package has no binary for some platforms, and browsers have no packages at all.
  const { createRequire } = process.getBuiltinModule('node:module');
  const { Tokenizer } = createRequire(import.meta.url)('tokenizers') as typeof import('tokenizers');
  const model = { type: 'BPE', vocab: {}, merges: [] };
  try {
    return Tokenizer.fromString(JSON.stringify({ version: '1.0', ...steps, model }));
  } catch (error) {
    const [key] = Object.keys(steps);
    throw new RangeError(`${key!}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
