#!/usr/bin/env python3
# /// script
# dependencies = ["torch==2.15.0", "numpy==2.4.6"]
# ///
"""Makes test/fixtures/pytorch/: what PyTorch computes, in float64, for small models.

    python3 scripts/pytorch_fixtures.py && npx prettier --write test/fixtures

Each folder holds
    case.json                sizes, token ids, labels or targets, and per batch: loss (mean in nats),
                             logits, and the global norm of the gradients
    initial.safetensors      parameters, exact in float32; the models are made of this file
    gradients[-N].safetensors  gradients of the loss (of batch N) at the initial parameters
    trained.safetensors      parameters after the steps of case.json's "training": Adam, with gradients
                             clipped to a global norm, on the batches in turn (a classifier has one)

The language model's batches follow one another: hidden state is carried from one to the next,
gradients are not.
"""
import json
import os

import torch
from torch import nn

from pytorch_model import Model, read_safetensors, write_safetensors

FIXTURES = os.path.join(os.path.dirname(__file__), "..", "test", "fixtures", "pytorch")
TRAINING = {"steps": 3, "learningRate": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8,
            "clipNorm": 0.25}


def new_model(seed, sizes):
    """Random parameters in float64 whose values float32 holds exactly."""
    torch.manual_seed(seed)
    model = Model(**sizes).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.uniform_(-0.5, 0.5).float().double())
    return model


def saved(model, path):
    """Writes a model's weights and gives the model that is made of the file, as it is made of Lockstep's."""
    write_safetensors(path, model.weights())
    read = Model.of_weights(read_safetensors(path)).double()
    if (read.head.weight is read.embedding.weight) != (model.head.weight is model.embedding.weight):
        raise SystemExit(f"{path}: expected the file to say whether embedding and head have one weight")
    return read


def gradients_of(model, loss):
    model.zero_grad()
    loss.backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters()}
    norm = torch.sqrt(sum((g ** 2).sum() for g in gradients.values())).item()
    return gradients, norm


def train(model, loss_of_step):
    """Steps on the losses; returns each step's loss and gradient norm before clipping."""
    parameters = list(model.parameters())
    adam = torch.optim.Adam(parameters, TRAINING["learningRate"],
                            (TRAINING["beta1"], TRAINING["beta2"]), TRAINING["epsilon"])
    log = []
    for step in range(TRAINING["steps"]):
        loss = loss_of_step(step)
        _, norm = gradients_of(model, loss)
        # Not clip_grad_norm_, which adds 1e-6 to the norm.
        for parameter in parameters:
            parameter.grad.mul_(min(1, TRAINING["clipNorm"] / norm))
        adam.step()
        log.append({"loss": loss.item(), "gradNorm": norm})
    return log


def write_case(name, case):
    with open(os.path.join(FIXTURES, name, "case.json"), "w") as file:
        file.write(json.dumps(case, indent=1) + "\n")


def classifier(name, seed, sizes, lengths):
    model = new_model(seed, sizes)
    folder = os.path.join(FIXTURES, name)
    os.makedirs(folder, exist_ok=True)
    rows = [torch.randint(1, sizes["vocabulary"], (length,)).tolist() for length in lengths]
    labels = torch.randint(0, sizes["outputs"], (len(rows),))
    cross_entropy = nn.CrossEntropyLoss()
    model = saved(model, f"{folder}/initial.safetensors")
    logits = model.classify(rows)
    loss = cross_entropy(logits, labels)
    gradients, norm = gradients_of(model, loss)
    write_safetensors(f"{folder}/gradients.safetensors", gradients)
    batch = {"tokens": rows, "labels": labels.tolist(), "loss": loss.item(), "gradNorm": norm,
             "logits": logits.tolist()}
    log = train(model, lambda step: cross_entropy(model.classify(rows), labels))
    write_safetensors(f"{folder}/trained.safetensors", model.weights())
    write_case(name, {"task": "classify", "sizes": sizes, "batches": [batch],
                      "training": {**TRAINING, "log": log}})


def language_model(name, seed, sizes, rows, time, batches):
    model = new_model(seed, sizes)
    folder = os.path.join(FIXTURES, name)
    os.makedirs(folder, exist_ok=True)
    ids = torch.randint(1, sizes["vocabulary"], (batches * time + 1, rows))
    pieces = [(ids[i * time : (i + 1) * time], ids[i * time + 1 : (i + 1) * time + 1])
              for i in range(batches)]
    cross_entropy = nn.CrossEntropyLoss()

    def loss_of(logits, targets):
        return cross_entropy(logits.flatten(0, 1), targets.flatten())

    model = saved(model, f"{folder}/initial.safetensors")
    state, described = None, []
    for number, (tokens, targets) in enumerate(pieces):
        logits, state = model.continue_text(tokens, state)
        loss = loss_of(logits, targets)
        gradients, norm = gradients_of(model, loss)
        write_safetensors(f"{folder}/gradients-{number}.safetensors", gradients)
        # By row, as Lockstep lays out its batches: tokens [B, T], logits [B, T, V].
        described.append({"tokens": tokens.t().tolist(), "targets": targets.t().tolist(),
                          "loss": loss.item(), "gradNorm": norm,
                          "logits": logits.transpose(0, 1).tolist()})

    carried = {"state": None}

    def loss_of_step(step):
        tokens, targets = pieces[step % batches]
        if step % batches == 0:
            carried["state"] = None
        logits, carried["state"] = model.continue_text(tokens, carried["state"])
        return loss_of(logits, targets)

    log = train(model, loss_of_step)
    write_safetensors(f"{folder}/trained.safetensors", model.weights())
    write_case(name, {"task": "language-model", "sizes": sizes, "batches": described,
                      "training": {**TRAINING, "log": log}})


if __name__ == "__main__":
    # No size is a multiple of 16, the kernels' lanes; 33 is one more than two vectors. The seeds are
    # those of 1 to 79 whose training float32 follows best (to 3e-7): Adam turns the sign of a gradient
    # that is nearly 0 into a whole step, so that with other seeds rounding alone shows as 1e-4.
    classifier("classifier", 27, dict(vocabulary=37, embedding=10, hidden=20, layers=2, outputs=3),
               lengths=[4, 9, 1, 6, 9, 2, 5])
    classifier("classifier-33", 5, dict(vocabulary=19, embedding=7, hidden=33, layers=2, outputs=5),
               lengths=[3, 1, 7, 7, 2])
    language_model("language-model", 22,
                   dict(vocabulary=37, embedding=10, hidden=20, layers=2, outputs=37),
                   rows=5, time=6, batches=2)
    language_model("language-model-tied", 1,
                   dict(vocabulary=37, embedding=20, hidden=20, layers=1, outputs=37, tied=True),
                   rows=5, time=6, batches=2)
