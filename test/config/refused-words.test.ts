import { describe } from 'vitest';
import { minimal, testRefusals } from './refusal.js';

describe('a config is refused whose tokenizer and features of words do not go together', () => {
  testRefusals([
    [
      'features that are none',
      'task: tag\ndata: { train: a.conll }\nmodel:\n  features:\n',
      'configs/x.yaml:4:3: model.features: expected a list of groups of keys, got null',
    ],
    [
      'a column that is the token itself',
      'task: tag\ndata: { train: a.conll }\nmodel: { features: [{ kind: column, column: 1 }] }\n',
      'configs/x.yaml:3:37: model.features.0.column: expected another column than that of the token, the first where data.text names none, or "1" in quotation marks for the field of JSON Lines, got 1',
    ],
    [
      'features of tokens that are no words',
      `${minimal}  tokenizer: { kind: char }\nmodel: { features: [{ kind: prefix }] }\n`,
      'configs/x.yaml:5:10: model.features: expected none beside data.tokenizer.kind: char, whose tokens are no words',
    ],
    [
      'columns of a classifier',
      `${minimal}  tokenizer: { kind: word }\nmodel: { features: [{ kind: shape }, { kind: column, column: 2 }] }\n`,
      'configs/x.yaml:5:40: model.features.1.kind: expected "shape", "prefix", "suffix" or "letters" for a classifier, whose words have no columns beside them, got "column"',
    ],
    [
      'capitals that a language model cannot generate',
      'task: language-model\ndata: { train: a.txt, tokenizer: { kind: word } }\nmodel: { features: [{ kind: prefix }, { kind: letters }] }\n',
      'configs/x.yaml:3:41: model.features.1.kind: expected data.tokenizer.lowerCase: false beside "letters" for a language model: the words that it generates have no capitals otherwise',
    ],
    [
      'digits that a language model cannot generate',
      'task: language-model\ndata: { train: a.txt, tokenizer: { kind: word, lowerCase: false, zeroDigits: true } }\nmodel: { features: [{ kind: shape }, { kind: letters }] }\n',
      'configs/x.yaml:3:40: model.features.1.kind: expected data.tokenizer.zeroDigits: false beside "letters" for a language model: the words that it generates have no digits otherwise',
    ],
    [
      'separators that are digits, where these count',
      `${minimal}  tokenizer: { kind: word, split: "1", zeroDigits: true }\nmodel: { features: [{ kind: letters }] }\n`,
      'configs/x.yaml:4:28: data.tokenizer.split: expected characters without digits beside "letters", which is taken before words lose their digits, got "1"',
    ],
    [
      'an unknown token that some word of a text may be for its features alone',
      `${minimal}  tokenizer: { kind: word, outOfVocabulary: OOV }\nmodel: { features: [{ kind: shape }] }\n`,
      'configs/x.yaml:4:28: data.tokenizer.outOfVocabulary: expected a token without capitals beside "shape", which is taken before words are lower-cased, got "OOV"',
    ],
    [
      'separators that have capitals, where these count',
      `${minimal}  tokenizer: { kind: word, filters: ".x" }\nmodel: { features: [{ kind: shape }] }\n`,
      'configs/x.yaml:4:28: data.tokenizer.filters: expected characters without capitals beside "shape", which is taken before words are lower-cased, got "x"',
    ],
    [
      'a window of letters that nothing sees',
      'task: tag\ndata: { train: a.jsonl }\nmodel: { features: [{ kind: letters, read: lstm, window: 3 }] }\n',
      'configs/x.yaml:3:50: model.features.0.window: expected beside read: convolution alone, which sees some letters at a time, got 3',
    ],
    [
      'two directions of which each would have half a unit',
      'task: tag\ndata: { train: a.jsonl }\nmodel: { features: [{ kind: letters, read: lstm, width: 25 }] }\n',
      'configs/x.yaml:3:50: model.features.0.width: expected an even number beside read: lstm, half of it for each direction, got 25',
    ],
    [
      'a feature that tells the tag',
      'task: tag\ndata: { train: a.jsonl }\nmodel: { features: [{ kind: column, column: tags }] }\n',
      'configs/x.yaml:3:37: model.features.0.column: expected another column than that of data.label, got "tags"',
    ],
    [
      'text for a switch',
      `${minimal}  tokenizer: { kind: word, lowerCase: yes }\n`,
      'configs/x.yaml:4:28: data.tokenizer.lowerCase: expected true or false, got "yes"',
    ],
    [
      'an unknown tokenizer',
      `${minimal}  tokenizer: { kind: wrd }\n`,
      'configs/x.yaml:4:16: data.tokenizer.kind: expected "word", "char", "byte" or "bpe", got "wrd"',
    ],
    [
      "another tokenizer's key",
      `${minimal}  tokenizer: { kind: byte, minCount: 3 }\n`,
      'configs/x.yaml:4:28: data.tokenizer.minCount: unknown key; expected one of kind',
    ],
    [
      'an unknown token that the filters cut',
      `${minimal}  tokenizer: { kind: word, unknownToken: <unk> }\n`,
      'data.tokenizer.unknownToken: expected a word as the tokenizer leaves it, but it makes ["unk"] of "<unk>": change data.tokenizer.filters',
    ],
    [
      'a line end that is the unknown token',
      `${minimal}  tokenizer: { kind: word, lineEnd: <unk> }\n`,
      'data.tokenizer.lineEnd: expected another token than the unknown one, got "<unk>"',
    ],
  ]);
});
