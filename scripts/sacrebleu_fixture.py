#!/usr/bin/env python3
"""Makes test/fixtures/sacrebleu.json: BLEU, chrF and chrF++ of a few small corpora as the real sacreBLEU counts them, with its signatures.

    pip install sacrebleu==2.6.0 && python3 scripts/sacrebleu_fixture.py && npx prettier --write test/fixtures/sacrebleu.json
"""
import json
import os
import random

import sacrebleu
from sacrebleu.metrics import BLEU, CHRF

FIXTURE = os.path.join(os.path.dirname(__file__), "..", "test", "fixtures", "sacrebleu.json")

# Marks, numbers, entities, spaces of all kinds, scripts: hypothesis and references.
ODD = [
    ("The cat sat on the mat.", ["The cat sat on the mat.", "A cat was sitting on the mat."]),
    ("It costs 1,234.56 dollars, or 3.5% more.", ["It costs $1,234.56, that is 3.5 % more.", "1,234.56 dollars: 3.5% more."]),
    ("He said &quot;no&quot; &amp; left &lt;at once&gt;", ['He said "no" & left <at once>', "He said &quot;no&quot; and went"]),
    ("a <skipped> word and a hyphen-\nated line\nend", ["a word and a hyphenated line end", "one word, hyphen-ated"]),
    ("from 1990-2000 re-elected -5 e-mails", ["from 1990 - 2000 re-elected - 5 e-mails", "1990-2000"]),
    ("", ["An empty hypothesis", "and two references"]),
    ("no", ["yes", ""]),
    ("one reference is enough", ["one reference is enough for this"]),
    (" leading and trailing \t spaces \u00a0 here\u2003 ", ["leading and trailing spaces here", "spaces"]),
    ("units\x1fof\x85this\ufeffline\x1cend", ["units of this line end", "units of this\ufeffline end"]),
    ("ÄRGER im ÖSTLICHEN Straßenverkehr, İstanbul ΟΔΟΣ!", ["ärger im östlichen Straßenverkehr, istanbul οδος!", "Ärger"]),
    ("„Zitat“ – so heißt’s… (siehe § 5)", ["»Zitat« – so heißt es … (siehe § 5)", "„Zitat“ - so heißt's..."]),
    ("我喜欢吃苹果，而且会说English。", ["我喜歡吃蘋果，也会说 English。", "我喜欢苹果。"]),
    ("日本語のテキスト、カタカナ㈱と①②③", ["日本語のテキスト、カタカナ㈱", "日本語"]),
    ("clef 𝄞 and emoji 👍🏽 in 𠀀𠀁 text ❤", ["clef 𝄞 or emoji 👍 in 𠀀 text ❤️", "emoji"]),
    ("(hi) 'quoted' \"x\" . ... !? a- -b", ["(hi) ' quoted ' x. … !? a -b", "hi quoted x"]),
    ("x²+y³=½ 3€ 5£ ©2020 100°C", ["x² + y³ = ½, 3 € 5 £ © 2020, 100 °C", "x2"]),
    ("a.b,c 1.b a.1 .5 5. ,5 5, 1٫5 ١٢.٣", ["a . b , c 1 . b a.1 .5 5 . , 5 5,", "a.b,c"]),
    ("the the the the the the the", ["the cat is on the mat", "there is a cat on the mat"]),
    ("ab\u200bc d\u2028e f\u3000g", ["abc d e f g", "ab c d"]),
    (" .5 is 5. ", [".5 is 5.", " .5 is 5.\t"]),
    ("café cafe\u0301", ["café café", "cafe\u0301 cafe\u0301"]),
]


def random_corpus(seed, sentences, words, references, noise):
    """Sentences of few words, with hypotheses that have some of them changed, left out or moved."""
    rng = random.Random(seed)
    draw = lambda: [f"{rng.choice('bdfgklmnprst')}{rng.choice('aeiou')}{rng.randrange(words)}" for _ in range(rng.randrange(1, 14))]
    pairs = []
    for _ in range(sentences):
        own = draw()
        texts = [" ".join(w for w in own if rng.random() > noise / 2) or "x" for _ in range(references)]
        changed = [rng.choice(own) if rng.random() < noise else w for w in own if rng.random() > noise / 2]
        pairs.append((" ".join(changed) + rng.choice([".", " .", "", "!"]), [t + rng.choice([".", ""]) for t in texts]))
    return pairs


CORPORA = {
    "odd": ODD,
    "one reference": [(h, r[:1]) for h, r in ODD],
    "as many references": [(h, r) for h, r in ODD if len(r) == 2],
    "random": random_corpus(1, 40, 3, 3, 0.3),
    "far": random_corpus(2, 10, 40, 1, 0.9),
    "all wrong": [("entirely", ["different"]), ("words", ["everywhere here"])],
    "no longer n-grams": [("one two", ["one two"]), ("three", ["three four"])],
    "nothing": [("", ["something"])],
    "perfect": [("exactly the same four words", ["exactly the same four words"])],
}
BLEU_OPTIONS = [
    {},
    *({"tokenize": each} for each in ["none", "char", "intl", "zh"]),
    {"lowercase": True},
    {"lowercase": True, "tokenize": "intl"},
    {"smooth_method": "floor"},
    {"smooth_method": "floor", "smooth_value": 0.025},
    {"smooth_method": "add-k"},
    {"smooth_method": "add-k", "smooth_value": 0.5},
    {"smooth_method": "none"},
    {"effective_order": True},
    {"effective_order": True, "smooth_method": "add-k", "tokenize": "char"},
    {"max_ngram_order": 2},
    {"max_ngram_order": 6, "effective_order": True},
]
CHRF_OPTIONS = [
    {},
    {"word_order": 2},
    {"word_order": 1, "lowercase": True},
    {"whitespace": True},
    {"eps_smoothing": True},
    {"word_order": 2, "eps_smoothing": True, "beta": 1},
    {"char_order": 3, "beta": 3},
]


def columns(references):
    """One list for each reference, as sacreBLEU takes them, with nothing where a sentence has fewer."""
    most = max(len(each) for each in references)
    return [[each[i] if i < len(each) else None for each in references] for i in range(most)]


def score(metric, pairs):
    found = metric.corpus_score([h for h, _ in pairs], columns([r for _, r in pairs]))
    result = {"score": found.score, "signature": str(metric.get_signature())}
    if isinstance(metric, BLEU):
        lengths = {"hypothesisLength": found.sys_len, "referenceLength": found.ref_len}
        return {**result, "precisions": found.precisions, "brevityPenalty": found.bp, **lengths}
    return {**result, "name": found.name}


def main():
    assert sacrebleu.__version__ == "2.6.0"
    corpora = {name: [{"hypothesis": h, "references": r} for h, r in pairs] for name, pairs in CORPORA.items()}
    bleu = [{"corpus": name, "options": o, **score(BLEU(**o), pairs)} for name, pairs in CORPORA.items() for o in BLEU_OPTIONS]
    chrf = [{"corpus": name, "options": o, **score(CHRF(**o), pairs)} for name, pairs in CORPORA.items() for o in CHRF_OPTIONS]
    tokenizers = [o["tokenize"] for o in BLEU_OPTIONS if list(o) == ["tokenize"]] + ["13a"]
    texts = [text for hypothesis, references in ODD for text in [hypothesis, *references]]
    tokens = {name: [BLEU(tokenize=name)._preprocess_segment(text).split() for text in texts] for name in tokenizers}
    with open(FIXTURE, "w", encoding="utf-8") as out:
        json.dump({"corpora": corpora, "bleu": bleu, "chrf": chrf, "tokens": tokens}, out, ensure_ascii=True)
        out.write("\n")


if __name__ == "__main__":
    main()
