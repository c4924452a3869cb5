#!/usr/bin/env python3
"""Makes losses.json of test/fixtures/pytorch/: the losses of the classifier and the language model that pytorch_fixtures.py has
made there, at their initial parameters and in float64, with label smoothing and class weights.

    python3 scripts/pytorch_losses.py && npx prettier --write test/fixtures

Needs PyTorch 2.0 or later.
"""
import json
import os

import torch
from torch.nn.functional import cross_entropy

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


def describe(name, smoothing, weights):
    folder = os.path.join(FIXTURES, name)
    with open(os.path.join(folder, "case.json")) as file:
        batch = json.load(file)["batches"][0]
    model = Model.of_weights(read_safetensors(os.path.join(folder, "initial.safetensors"))).double()
    if name == "classifier":
        logits, targets = model.classify(batch["tokens"]), torch.tensor(batch["labels"])
    else:
        logits, _ = model.continue_text(torch.tensor(batch["tokens"]).t())
        logits, targets = logits.transpose(0, 1).flatten(0, 1), torch.tensor(batch["targets"]).flatten()
    weight = None if weights is None else torch.tensor(weights, dtype=torch.float64)
    loss = cross_entropy(logits, targets, weight, label_smoothing=smoothing)
    loss.backward()
    norm = torch.sqrt(sum((p.grad ** 2).sum() for p in model.parameters())).item()
    return {
        "fixture": name,
        "options": {"labelSmoothing": smoothing, **({} if weights is None else {"classWeights": weights})},
        "loss": loss.item(),
        "crossEntropy": cross_entropy(logits, targets).item(),
        "gradNorm": norm,
        "headBias": model.head.bias.grad.tolist(),
    }


if __name__ == "__main__":
    with open(os.path.join(FIXTURES, "losses.json"), "w") as file:
        json.dump([describe(*case) for case in CASES], file)
        file.write("\n")
