#!/usr/bin/env python3
"""Beam search in PyTorch with the weights of a Lockstep translator: what `node scripts/bench-decoding.js` measures it against.

    echo '[[5, 17, 3], [8]]' | python3 scripts/pytorch_beam.py runs/NAME/checkpoints/step-00000500 [--beam 5] [--most 100] [--precision bfloat16]

Reads token ids of sources as JSON, rows of any lengths, and prints one JSON object: seconds of each of three ways (one thread; all threads; a
process for each core, each with every so-manieth batch), and for each row ids, the mean ln p of a token and the end. The network is that of
configs/translate.yaml, or of the same kind in other widths: an encoder of one LSTM that reads both ways, a bridge, a decoder of one LSTM,
general attention with one head.

Sentences are sorted by length; those of a batch are encoded once, by a packed sequence, and searched together, all hypotheses of all of them in one step.
Sentences that have ended leave the batch. Ways to go on are ranked by one topk over beam and vocabulary. With bfloat16 all that
runs under torch.autocast.
"""
import argparse
import json
import os
import subprocess
import sys
import time

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from pytorch_model import read_safetensors

# Of 64, 128 and 256 the fastest on two cores with a vocabulary of 8,000 and a beam of 5; see --sentences.
SENTENCES_AT_ONCE = 128


class Translator:
    def __init__(self, weights):
        # A table that several share is held once, as embedding.weight.
        shared = {name: weights["embedding.weight"] for name in ("encoder.embedding.weight", "head.weight")}
        weights = self.weights = {**shared, **weights}
        self.bridge = next((name.split(".")[0] for name in weights if name.startswith("bridge_")), None)
        missing = {"attention.query.weight", f"{self.bridge}.hidden.weight", "encoder.lstm.weight_hh_l0", "lstm.weight_hh_l0"} - weights.keys()
        others = {"encoder.lstm.weight_hh_l1", "lstm.weight_hh_l1"} & weights.keys()
        for name in sorted(missing | others):
            sys.exit(f"this script knows encoders and decoders of one LSTM, a bridge and general attention: the checkpoint has {name if name in others else f'no {name}'}")
        self.encoder = self.lstm("encoder.lstm", bidirectional=True)
        self.decoder = self.lstm("lstm")
        self.boundary = weights["head.weight"].shape[0] - 1

    def lstm(self, prefix, bidirectional=False):
        own = {name[len(prefix) + 1:]: value for name, value in self.weights.items() if name.startswith(f"{prefix}.")}
        hidden, width = own["weight_hh_l0"].shape[1], own["weight_ih_l0"].shape[1]
        layer = nn.LSTM(width, hidden, bidirectional=bidirectional)
        layer.load_state_dict(own)
        return layer

    def linear(self, name, x):
        return nn.functional.linear(x, self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias"))

    def encode(self, rows):
        """Memory [B, S, M], what is padding of it [B, S], and the first states [B, H]."""
        lengths = torch.tensor([len(row) for row in rows])
        ids = pad_sequence([torch.tensor(row) for row in rows])
        embedded = nn.functional.embedding(ids, self.weights["encoder.embedding.weight"])
        memory, (ends, _) = self.encoder(pack_padded_sequence(embedded, lengths, enforce_sorted=False))
        memory = pad_packed_sequence(memory, batch_first=True)[0]
        ends = torch.cat([ends[0], ends[1]], 1)
        hidden, cell = (torch.tanh(self.linear(f"{self.bridge}.{state}", ends)) for state in ("hidden", "cell"))
        return memory, torch.arange(memory.shape[1]) >= lengths.unsqueeze(1), hidden, cell

    def step(self, ids, hidden, cell, memory, padding):
        """ids [B, K], states [B K, H] to log-probabilities [B, K, V] and states."""
        embedded = nn.functional.embedding(ids.flatten(), self.weights["embedding.weight"]).unsqueeze(0)
        outputs, (hidden, cell) = self.decoder(embedded, (hidden.unsqueeze(0), cell.unsqueeze(0)))
        outputs = outputs.view(*ids.shape, -1)
        scores = self.linear("attention.query", outputs) @ memory.transpose(1, 2)
        weights = torch.softmax(scores.masked_fill(padding.unsqueeze(1), -torch.inf), -1)
        made = torch.tanh(self.linear("attention.output", torch.cat([weights @ memory, outputs], 2)))
        return torch.log_softmax(self.linear("head", made), -1), hidden.squeeze(0), cell.squeeze(0)


def search(model, rows, beam, most):
    """For each row ids without the end, and the mean ln p of a token."""
    memory, padding, hidden, cell = model.encode(rows)
    sentences = torch.arange(len(rows))
    finished = [[] for _ in rows]
    ids = torch.full((len(rows), 1), model.boundary)
    scores = torch.zeros(len(rows), 1)
    history = torch.empty(len(rows), 1, 0, dtype=torch.long)
    counts = torch.zeros(len(rows), dtype=torch.long)
    for length in range(most + 1):
        log_p, hidden, cell = model.step(ids, hidden, cell, memory, padding)
        live, width, vocabulary = log_p.shape
        log_p[..., 0] = -torch.inf
        if length == most:
            ends = scores + log_p[..., -1]
            for row, (each, texts) in enumerate(zip(ends.tolist(), history.tolist())):
                finished[sentences[row]] += [(score / (length + 1), text) for score, text in zip(each, texts)]
            break
        # One way of each hypothesis may be the end: twice as many as go on suffice.
        best, places = (scores.unsqueeze(2) + log_p).flatten(1).topk(2 * beam)
        parents, tokens = places // vocabulary, places % vocabulary
        is_end = tokens == model.boundary
        ending = is_end & (torch.arange(2 * beam) < beam)
        for row, rank in ending.nonzero().tolist():
            text = history[row, parents[row, rank]].tolist()
            finished[sentences[row]].append((best[row, rank].item() / (length + 1), text))
        counts = counts + ending.sum(1)
        # Those that do not end come first, each kind in its order.
        going = is_end.to(torch.int8).sort(dim=1, stable=True).indices[:, :beam]
        scores, parents, ids = (each.gather(1, going) for each in (best, parents, tokens))
        chosen = (torch.arange(live).unsqueeze(1) * width + parents).flatten()
        history = torch.cat([history.flatten(0, 1)[chosen].view(live, beam, -1), ids.unsqueeze(2)], 2)
        hidden, cell = hidden[chosen], cell[chosen]
        goes_on = counts < beam
        # A text under way can still come to its ln p over the most tokens.
        for row in (goes_on & (counts > 0)).nonzero().flatten().tolist():
            if scores[row, 0].item() / (most + 1) <= max(finished[sentences[row]])[0]:
                goes_on[row] = False
        kept = goes_on.nonzero().flatten()
        if len(kept) == 0:
            break
        if len(kept) < live:
            sentences, scores, ids, history, counts = (each[kept] for each in (sentences, scores, ids, history, counts))
            memory, padding = memory[kept], padding[kept]
            hidden, cell = (each.view(live, beam, -1)[kept].flatten(0, 1) for each in (hidden, cell))
    return [max(texts, key=lambda text: text[0]) for texts in finished]


def translate(model, rows, options, part=0, parts=1):
    order = sorted((i for i in range(len(rows)) if rows[i]), key=lambda i: len(rows[i]))
    batches = [order[i:i + options.sentences] for i in range(0, len(order), options.sentences)]
    found = [None] * len(rows)
    for batch in batches[part::parts]:
        for i, best in zip(batch, search(model, [rows[i] for i in batch], options.beam, options.most)):
            found[i] = best
    return found


def measure(options, rows, threads, processes):
    """Seconds that the slowest process takes, loading not counted."""
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
    running = [subprocess.Popen([sys.executable, __file__, *sys.argv[1:], "--part", str(part), str(processes)], env=environment,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for part in range(processes)]
    for process in running:
        process.stdin.write(json.dumps(rows))
        process.stdin.close()
    said = [json.loads(process.stdout.read()) for process in running]
    found = [next((each["found"][i] for each in said if each["found"][i]), None) for i in range(len(rows))]
    return max(each["seconds"] for each in said), found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--most", type=int, default=100, help="tokens of a translation, at most")
    parser.add_argument("--sentences", type=int, default=SENTENCES_AT_ONCE, help="that are searched together")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32", help="of products")
    parser.add_argument("--part", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    rows = json.load(sys.stdin)
    if options.part:
        model = Translator(read_safetensors(os.path.join(options.checkpoint, "model.safetensors")))
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=options.precision == "bfloat16"):
            # What is made once is made before.
            search(model, [row for row in rows if row][:options.sentences], options.beam, 3)
            start = time.perf_counter()
            found = translate(model, rows, options, *options.part)
        print(json.dumps({"seconds": time.perf_counter() - start, "found": found}))
    else:
        cores = os.cpu_count()
        ways = {"oneThread": (1, 1), "allThreads": (cores, 1), "processes": (1, cores)}
        measured = {way: measure(options, rows, *how) for way, how in ways.items()}
        print(json.dumps({"seconds": {way: seconds for way, (seconds, _) in measured.items()},
                          "found": measured["oneThread"][1]}))
