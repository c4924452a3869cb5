"""Writes test/fixtures/keras/word.json: ids by the documented rules of Keras.

    python3 scripts/keras_fixture.py && npx prettier --write test/fixtures/keras

The rules are those of keras.preprocessing.text.Tokenizer and pad_sequences, written down here
plainly and without Keras:

- A text is lower-cased if `lower`, each character of `filters` becomes `split`, the text is cut at
  `split`, and empty words are dropped.
- Words get the ids 1, 2, ... by falling count; equal counts in the order of first appearance. An
  `oov_token` comes before them all.
- Of a text, the ids below `num_words` are kept; other words give the id of the `oov_token`, or
  nothing where there is none.
- A sequence longer than `maxlen` loses its beginning ("pre") or its end ("post"); a shorter one is
  filled with zeros at its beginning or its end.
"""

import json
import pathlib

KERAS_FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'


def words_of(text, filters, lower, split):
    if lower:
        text = text.lower()
    for character in filters:
        text = text.replace(character, split)
    return [word for word in text.split(split) if word]


def count_words(texts, **cutting):
    counts = {}
    for text in texts:
        for word in words_of(text, **cutting):
            counts[word] = counts.get(word, 0) + 1
    return counts


def index_words(counts, oov_token):
    # Sorting is stable: equal counts stay in the order of first appearance.
    words = sorted(counts, key=lambda word: -counts[word])
    if oov_token is not None:
        words.insert(0, oov_token)
    index = {}
    for number, word in enumerate(words, start=1):
        index[word] = number
    return index


def sequence_of(text, index, num_words, oov_token, **cutting):
    sequence = []
    for word in words_of(text, **cutting):
        number = index.get(word)
        if number is not None and (num_words is None or number < num_words):
            sequence.append(number)
        elif oov_token is not None:
            sequence.append(index[oov_token])
    return sequence


def pad(sequence, maxlen, padding, truncating):
    kept = sequence[-maxlen:] if truncating == "pre" else sequence[:maxlen]
    zeros = [0] * (maxlen - len(kept))
    return zeros + kept if padding == "pre" else kept + zeros


FIT = [
    "The cat sat on the mat. The cat!",
    "A dog, a cat & a mouse: it's raining cats-and-dogs...",
    "b a b a c c d  e\tf\ng\r\nh",
    "na\u00efve Caf\u00e9 CAF\u00c9 \u0130stanbul stra\u00dfe STRASSE \u039f\u0394\u039f\u03a3 \u03bf\u03b4\u03cc\u03c2",
    "1 10 100 1,000 1.5 #1 $10 50% e-mail user@example.com http://x.y/z?q=1",
    "don't can't o'clock 'quoted' \u2018curly\u2019 \u201cquotes\u201d \u2014 dash",
    "\u4eba\u4eba\u751f\u800c\u81ea\u7531 \u5728\u5c0a\u4e25\u548c\u6743\u5229\u4e0a a\u00a0b a\u2003b \U0001f600 \U0001f600!\U0001f600",
    "unk unk <OOV> toString __proto__ constructor",
    "",
    "...!!! ,,, \t\n",
    "a::b::c;d::a e::::f",
]

NEW = [
    "the cat saw a zebra",
    "The DOG sat; the mouse ran.",
    "zebra",
    "",
    "unk <oov> OOV caf\u00e9 \u03bf\u03b4\u03bf\u03c2 i\u0307stanbul",
    "constructor hasOwnProperty __proto__ valueOf",
    "it's 1 10 100 1000",
]

DEFAULT = {"filters": KERAS_FILTERS, "lower": True, "split": " ", "num_words": None, "oov_token": None}

CASES = [
    {},
    {"oov_token": "<OOV>"},
    {"oov_token": "unk"},
    {"num_words": 3},
    {"num_words": 10},
    {"num_words": 10, "oov_token": "zzz"},
    {"num_words": 1000, "oov_token": "zzz"},
    {"lower": False, "oov_token": "zzz"},
    {"filters": "", "oov_token": "zzz"},
    {"filters": "aeiou'"},
    {"filters": "\U0001f600\u4eba!", "num_words": 30},
    {"split": ",", "filters": " ."},
    {"split": "::", "filters": ";"},
    {"split": "\n", "filters": ""},
]

PADDING = [
    {"maxlen": maxlen, "padding": padding, "truncating": truncating}
    for maxlen in (1, 4, 12)
    for padding in ("pre", "post")
    for truncating in ("pre", "post")
]


def run(options):
    case = {**DEFAULT, **options}
    cutting = {key: case[key] for key in ("filters", "lower", "split")}
    counts = count_words(FIT, **cutting)
    index = index_words(counts, case["oov_token"])
    ids = {"index": index, "num_words": case["num_words"], "oov_token": case["oov_token"]}
    sequences = [sequence_of(text, **ids, **cutting) for text in FIT + NEW]
    padded = [
        {**options, "rows": [pad(sequence, **options) for sequence in sequences]}
        for options in PADDING
    ]
    return {"options": case, "word_index": list(index.items()), "sequences": sequences, "padded": padded}


def main():
    path = pathlib.Path(__file__).parent.parent / "test/fixtures/keras/word.json"
    cases = [run(options) for options in CASES]
    # Padded rows are long, and two cases show them.
    for case in cases[:4] + cases[6:]:
        del case["padded"]
    path.write_text(json.dumps({"fit": FIT, "new": NEW, "cases": cases}))


main()
