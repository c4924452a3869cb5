#!/usr/bin/env python3
"""Makes optimizers.json, schedules.json and plateaus.json of test/fixtures/pytorch/: 20 steps of every optimizer, in float64, from the
initial parameters of the classifier that pytorch_fixtures.py has made there, and the rates of PyTorch's schedulers.

    python3 scripts/pytorch_training.py && npx prettier --write test/fixtures

Needs PyTorch 2.0 or later.
"""
import json
import os

import torch
from torch import nn, optim
from torch.optim import lr_scheduler, swa_utils

from pytorch_model import Model, read_safetensors

FIXTURES = os.path.join(os.path.dirname(__file__), "..", "test", "fixtures", "pytorch")
STEPS = 20
CLIP_NORM = 0.5
CLIP_VALUE = 0.002
SAMPLES = 8

# By Lockstep's names of kinds, options and clipping.
OPTIMIZERS = [
    ("adam", {}, {}, lambda groups: optim.Adam(groups, lr=0.01)),
    ("adamw", {"weightDecay": 0.1}, {}, lambda groups: optim.AdamW(groups, lr=0.01)),
    ("sgd", {"weightDecay": 0.05}, {}, lambda groups: optim.SGD(groups, lr=0.5)),
    ("sgd", {"momentum": 0.9}, {}, lambda groups: optim.SGD(groups, lr=0.1, momentum=0.9)),
    ("sgd", {"momentum": 0.8, "nesterov": True}, {},
     lambda groups: optim.SGD(groups, lr=0.1, momentum=0.8, nesterov=True)),
    ("rmsprop", {"alpha": 0.9, "weightDecay": 0.01}, {},
     lambda groups: optim.RMSprop(groups, lr=0.001, alpha=0.9)),
    ("rmsprop", {"alpha": 0.9, "momentum": 0.8}, {},
     lambda groups: optim.RMSprop(groups, lr=0.001, alpha=0.9, momentum=0.8)),
    ("rmsprop", {"centered": True}, {}, lambda groups: optim.RMSprop(groups, lr=0.001, centered=True)),
    ("rmsprop", {"momentum": 0.9, "centered": True, "weightDecay": 0.01}, {},
     lambda groups: optim.RMSprop(groups, lr=0.0003, momentum=0.9, centered=True)),
    ("adagrad", {"weightDecay": 0.01}, {}, lambda groups: optim.Adagrad(groups, lr=0.01)),
    ("sgd", {"momentum": 0.9}, {"clipNorm": CLIP_NORM},
     lambda groups: optim.SGD(groups, lr=0.1, momentum=0.9)),
    ("adam", {}, {"clipValue": CLIP_VALUE}, lambda groups: optim.Adam(groups, lr=0.01)),
    ("sgd", {}, {"clipNorm": CLIP_NORM, "clipValue": CLIP_VALUE},
     lambda groups: optim.SGD(groups, lr=0.5)),
    # With an exponential moving average of the weights.
    ("adam", {}, {}, lambda groups: optim.Adam(groups, lr=0.01), 0.8),
    # With the averages of ASGD, which begin after 7 steps.
    ("sgd", {"weightDecay": 0.05}, {}, lambda groups: optim.ASGD(groups, lr=0.5, lambd=0, t0=7)),
]


def train(case, initial, options, clipping, make, decay_of_average=None):
    model = Model.of_weights(initial).double()
    # Biases have no decay.
    decay = options.get("weightDecay", 0)
    optimizer = make([
        {"params": [p for p in model.parameters() if p.dim() > 1], "weight_decay": decay},
        {"params": [p for p in model.parameters() if p.dim() == 1], "weight_decay": 0},
    ])
    averages = decay_of_average and swa_utils.AveragedModel(
        model, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(decay_of_average))
    batch = case["batches"][0]
    losses = []
    for _ in range(STEPS):
        loss = nn.functional.cross_entropy(model.classify(batch["tokens"]), torch.tensor(batch["labels"]))
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.item())
        gradients = [p.grad for p in model.parameters()]
        if "clipNorm" in clipping:
            # Not clip_grad_norm_, which adds 1e-6 to the norm.
            norm = torch.sqrt(sum((g ** 2).sum() for g in gradients)).item()
            for gradient in gradients:
                gradient.mul_(min(1, clipping["clipNorm"] / norm))
        if "clipValue" in clipping:
            nn.utils.clip_grad_value_(model.parameters(), clipping["clipValue"])
        optimizer.step()
        if averages:
            averages.update_parameters(model)
    run = {"learningRate": optimizer.param_groups[0]["lr"], "losses": losses, "weights": samples(model.named_parameters())}
    if averages:
        run["averaging"] = {"kind": "ema", "decay": decay_of_average}
        run["averages"] = samples(averages.module.named_parameters())
    if isinstance(optimizer, optim.ASGD):
        run["averaging"] = {"kind": "nt-asgd", "n": 5}
        run["averagesFrom"] = optimizer.param_groups[0]["t0"]
        run["averages"] = samples((name, optimizer.state[p]["ax"]) for name, p in model.named_parameters())
    return run


def samples(named):
    # Weights evenly taken from each parameter.
    return {name: p.flatten()[:: max(1, p.numel() // SAMPLES)].tolist() for name, p in named}


def rates(make, warmup):
    optimizer = optim.SGD([nn.Parameter(torch.zeros(1))], lr=1)
    schedule = make(optimizer)
    if warmup > 0:
        rise = lr_scheduler.LinearLR(optimizer, 1 / warmup, 1, warmup - 1)
        schedule = lr_scheduler.SequentialLR(optimizer, [rise, schedule], [warmup])
    rates = []
    for _ in range(STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


# Losses of evaluations: falling, level, falling by less than the threshold, rising, and falling again.
LOSSES = [3, 2, 1.5, 1.5, 1.4999, 1.4998, 1.6, 1.7, 1.4, 1.4, 1.45, 1.41, 1.42, 1.43, 1.39, 1.5, 1.6, 1.7, 1.8, 1.9,
          0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2]
PLATEAUS = [{}, {"patience": 0}, {"patience": 2, "factor": 0.5}, {"patience": 1, "cooldown": 3},
            {"patience": 1, "threshold": 0.05, "factor": 0.3}, {"patience": 0, "minimum": 0.02},
            {"patience": 0, "factor": 0.1, "minimum": 1e-9, "cooldown": 1}]


def plateau(options):
    # The rate before each evaluation, and after the last one.
    optimizer = optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.5)
    schedule = lr_scheduler.ReduceLROnPlateau(
        optimizer, **{("min_lr" if key == "minimum" else key): value for key, value in options.items()})
    rates = [0.5]
    for loss in LOSSES:
        schedule.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


def write(name, value):
    with open(os.path.join(FIXTURES, name), "w") as file:
        file.write(json.dumps(value, indent=1) + "\n")


if __name__ == "__main__":
    with open(os.path.join(FIXTURES, "classifier", "case.json")) as file:
        case = json.load(file)
    initial = read_safetensors(os.path.join(FIXTURES, "classifier", "initial.safetensors"))
    runs = []
    for kind, options, clipping, make, *decay_of_average in OPTIMIZERS:
        run = train(case, initial, options, clipping, make, *decay_of_average)
        runs.append({"kind": kind, "options": options, "clipping": clipping, **run})
    write("optimizers.json", runs)

    write("plateaus.json", {"losses": LOSSES, "runs": [
        {"options": options, "rates": plateau(options)} for options in PLATEAUS]})

    # Epochs of 3 steps; 4 steps of warm-up where there is one.
    per_epoch, warmup = 3, 4
    left = STEPS - warmup
    write("schedules.json", [
        {"schedule": schedule, "stepsPerEpoch": per_epoch,
         "rates": rates(make, schedule["warmupSteps"])}
        for schedule, make in [
            ({"kind": "linear", "warmupSteps": warmup},
             lambda o: lr_scheduler.PolynomialLR(o, total_iters=left)),
            ({"kind": "cosine", "warmupSteps": warmup},
             lambda o: lr_scheduler.CosineAnnealingLR(o, left)),
            ({"kind": "step", "warmupSteps": 0, "every": 7, "unit": "step", "gamma": 0.3},
             lambda o: lr_scheduler.StepLR(o, 7, 0.3)),
            ({"kind": "step", "warmupSteps": warmup, "every": 2, "unit": "epoch", "gamma": 0.1},
             lambda o: lr_scheduler.StepLR(o, 2 * per_epoch, 0.1)),
            ({"kind": "exponential", "warmupSteps": warmup, "unit": "step", "gamma": 0.9},
             lambda o: lr_scheduler.ExponentialLR(o, 0.9)),
            ({"kind": "exponential", "warmupSteps": 0, "unit": "epoch", "gamma": 0.9},
             lambda o: lr_scheduler.StepLR(o, per_epoch, 0.9)),
            ({"kind": "one-cycle", "warmupSteps": 0, "risingShare": 0.3, "startDivisor": 25,
              "endDivisor": 10000},
             lambda o: lr_scheduler.OneCycleLR(o, 1, STEPS, cycle_momentum=False)),
            ({"kind": "one-cycle", "warmupSteps": 0, "risingShare": 0.6, "startDivisor": 4,
              "endDivisor": 10},
             lambda o: lr_scheduler.OneCycleLR(o, 1, STEPS, pct_start=0.6, div_factor=4,
                                               final_div_factor=10, cycle_momentum=False)),
        ]
    ])
