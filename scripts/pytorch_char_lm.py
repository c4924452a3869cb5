#!/usr/bin/env python3
"""Trains the model of configs/char-lm.yaml in PyTorch, to compare the validation loss.

    python3 scripts/pytorch_char_lm.py data/stores/NAME [--weights MODEL.safetensors] [--steps N] …

Reads the token store that Lockstep made (docs/token-store.md) and goes through it in the same order:
the tokens are cut into --batch streams of equal length, read in pieces of at most --time tokens, hidden state
carried on and zeroed at the start of an epoch. The options' defaults are those of the config. With
--weights both start from the same parameters: `lockstep train --set train.maxSteps=0` writes the initial
ones of a run. Prints one JSON object a line.

On a busy machine take --threads 1: PyTorch's threads wait for each other in loops that eat the time they need.
"""
import argparse
import array
import json
import os
import time

import torch
from torch import nn

from pytorch_model import Model, read_safetensors


def read_tokens(store, split):
    with open(os.path.join(store, "manifest.json")) as file:
        id_bytes = json.load(file)["idBytes"]
    ids = array.array({2: "H", 4: "I"}[id_bytes])
    with open(os.path.join(store, f"{split}.tokens"), "rb") as file:
        ids.frombytes(file.read())
    return torch.tensor(ids.tolist())


def batches(tokens, rows, length):
    """Pieces (ids [T, B], the ids that follow them [T, B]) of one epoch, of nearly equal length T."""
    stream = (len(tokens) - 1) // rows
    ids = tokens[: rows * stream].view(rows, stream).t()
    targets = tokens[1 : rows * stream + 1].view(rows, stream).t()
    count = -(-stream // length)
    bounds = [piece * stream // count for piece in range(count + 1)]
    return [(ids[begin:end], targets[begin:end]) for begin, end in zip(bounds, bounds[1:])]


def loss_of(model, ids, targets, state):
    logits, state = model.continue_text(ids, state)
    return nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()), state


@torch.no_grad()
def evaluate(model, pieces):
    """Mean loss over all tokens, in nats."""
    total, count, state = 0.0, 0, None
    for ids, targets in pieces:
        loss, state = loss_of(model, ids, targets, state)
        total += loss.item() * targets.numel()
        count += targets.numel()
    return total / count


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store")
    parser.add_argument("--weights")
    parser.add_argument("--embedding", type=int, default=64)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--time", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--steps", type=int, help="end after so many steps; 0 only evaluates")
    parser.add_argument("--rate", type=float, default=0.002)
    parser.add_argument("--clip", type=float, default=1.0)
    parser.add_argument("--evaluate-every", type=int, help="steps; at the end of each epoch by default")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=1, help="of the parameters without --weights")
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    train = read_tokens(options.store, "train")
    training = batches(train, options.batch, options.time)
    validation = batches(read_tokens(options.store, "validation"), options.batch, options.time)
    if options.weights:
        model = Model.of_weights(read_safetensors(options.weights))
    else:
        vocabulary = int(train.max()) + 1
        model = Model(vocabulary, options.embedding, options.hidden, options.layers, vocabulary)
    adam = torch.optim.Adam(model.parameters(), options.rate)

    steps = options.epochs * len(training)
    if options.steps is not None:
        steps = min(steps, options.steps)
    print(json.dumps({"step": 0, "validationLoss": evaluate(model, validation)}), flush=True)
    start, state = time.perf_counter(), None
    for step in range(1, steps + 1):
        piece = (step - 1) % len(training)
        if piece == 0:
            state = None
        loss, state = loss_of(model, *training[piece], state)
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), options.clip)
        adam.step()
        if step % (options.evaluate_every or len(training)) == 0 or step == steps:
            print(json.dumps({"step": step, "trainLoss": loss.item(),
                              "validationLoss": evaluate(model, validation),
                              "seconds": round(time.perf_counter() - start, 1)}), flush=True)


if __name__ == "__main__":
    main()
