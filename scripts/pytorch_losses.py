#!/usr/bin/env python3
"""Makes losses.json of test/fixtures/pytorch/: the losses of the classifier and the language model that pytorch_fixtures.py has
made there, at their initial parameters and in float64, with label smoothing and class weights; squared and absolute errors of the
classifier's first logit from standardised numbers; and the binary cross-entropy of its logits where they are of labels.

    python3 scripts/pytorch_losses.py && npx prettier --write test/fixtures

Needs PyTorch 2.0 or later.
"""
import json
import os

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, l1_loss, mse_loss

from pytorch_model import Model, read_safetensors

FIXTURES = os.path.join(os.path.dirname(__file__), "..", "test", "fixtures", "pytorch")
# Exact in float32.
WEIGHTS = [0.5, 2, 1.25]
CASES = [
    ("classifier", 0.125, None),
    ("classifier", 0, WEIGHTS),
    ("classifier", 0.25, WEIGHTS),
    ("language-model", 0.125, None),
]
# What numbers are standardised by, and numbers: exact in float32, too.
SCALE = {"mean": -1.5, "deviation": 4.0}
NUMBERS = [2.25, -7.5, 0.125, 31.0, -1.5, 6.75, -0.375, 12.0, 3.0, -20.5]


def describe_numbers(name, kind, error):
    batch, model = open_fixture(name)
    logits = model.classify(batch["tokens"])[:, 0]
    numbers = torch.tensor(NUMBERS[: len(logits)], dtype=torch.float64)
    loss = error(logits, (numbers - SCALE["mean"]) / SCALE["deviation"])
    loss.backward()
    return {
        "fixture": name,
        "kind": kind,
        "options": SCALE,
        "numbers": numbers.tolist(),
        "loss": loss.item(),
        "mse": mse_loss(SCALE["mean"] + SCALE["deviation"] * logits, numbers).item(),
        **gradients(model, 1),
    }


def describe_labels(name, weights):
    batch, model = open_fixture(name)
    logits = model.classify(batch["tokens"])
    # Row r has label c where the digits of r + 3, in binary, have a 1 at c: none of them, some or all.
    there = [[(row + 3) >> label & 1 for label in range(logits.shape[1])] for row in range(len(logits))]
    weight = None if weights is None else torch.tensor(weights, dtype=torch.float64)
    loss = binary_cross_entropy_with_logits(logits, torch.tensor(there, dtype=torch.float64), pos_weight=weight)
    loss.backward()
    return {
        "fixture": name,
        "kind": "binary",
        "options": {} if weights is None else {"positiveWeights": weights},
        "labels": [[c for c, is_there in enumerate(row) if is_there] for row in there],
        "loss": loss.item(),
        **gradients(model, logits.shape[1]),
    }


def describe(name, smoothing, weights):
    batch, model = open_fixture(name)
    if name == "classifier":
        logits, targets = model.classify(batch["tokens"]), torch.tensor(batch["labels"])
    else:
        logits, _ = model.continue_text(torch.tensor(batch["tokens"]).t())
        logits, targets = logits.transpose(0, 1).flatten(0, 1), torch.tensor(batch["targets"]).flatten()
    weight = None if weights is None else torch.tensor(weights, dtype=torch.float64)
    loss = cross_entropy(logits, targets, weight, label_smoothing=smoothing)
    loss.backward()
    return {
        "fixture": name,
        "kind": "softmax",
        "options": {"labelSmoothing": smoothing, **({} if weights is None else {"classWeights": weights})},
        "loss": loss.item(),
        "crossEntropy": cross_entropy(logits, targets).item(),
        **gradients(model, len(model.head.bias)),
    }


def open_fixture(name):
    folder = os.path.join(FIXTURES, name)
    with open(os.path.join(folder, "case.json")) as file:
        batch = json.load(file)["batches"][0]
    return batch, Model.of_weights(read_safetensors(os.path.join(folder, "initial.safetensors"))).double()


def gradients(model, outputs):
    norm = torch.sqrt(sum((p.grad ** 2).sum() for p in model.parameters())).item()
    return {"gradNorm": norm, "headBias": model.head.bias.grad[:outputs].tolist()}


if __name__ == "__main__":
    with open(os.path.join(FIXTURES, "losses.json"), "w") as file:
        numbers = [("squared", mse_loss), ("absolute", l1_loss)]
        cases = [describe(*case) for case in CASES] + [describe_numbers("classifier", *each) for each in numbers]
        cases += [describe_labels("classifier", weights) for weights in (None, WEIGHTS)]
        cases += [describe_labels("classifier-33", None)]
        json.dump(cases, file)
        file.write("\n")
