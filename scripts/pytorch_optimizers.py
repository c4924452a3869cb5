"""What PyTorch's optimizers make of three weights in four steps, in float64: test/backend/optimizers.test.ts.

Needs PyTorch 1.13 or later:  python3 scripts/pytorch_optimizers.py
"""

import torch
from torch import optim

WEIGHTS = [0.5, -0.3, 0.8]
GRADIENTS = [[0.2, -0.7, 0.05], [-0.4, 0.1, 0.3], [0.25, 0.6, -0.9], [0.1, -0.2, 0.4]]
DECAY = 0.05

OPTIMIZERS = {
    "sgd": lambda weights: optim.SGD(weights, lr=0.1, weight_decay=DECAY),
    "momentum": lambda weights: optim.SGD(weights, lr=0.1, momentum=0.9, weight_decay=DECAY),
    "nesterov": lambda weights: optim.SGD(
        weights, lr=0.1, momentum=0.9, nesterov=True, weight_decay=DECAY
    ),
    "rmsprop": lambda weights: optim.RMSprop(
        weights, lr=0.01, alpha=0.99, eps=1e-8, weight_decay=DECAY
    ),
    "rmsprop with momentum": lambda weights: optim.RMSprop(
        weights, lr=0.01, momentum=0.9, weight_decay=DECAY
    ),
    "rmsprop, centered": lambda weights: optim.RMSprop(
        weights, lr=0.01, centered=True, weight_decay=DECAY
    ),
    "rmsprop, centered, with momentum": lambda weights: optim.RMSprop(
        weights, lr=0.01, centered=True, momentum=0.9, weight_decay=DECAY
    ),
    "adagrad": lambda weights: optim.Adagrad(weights, lr=0.1, eps=1e-10, weight_decay=DECAY),
    "adam": lambda weights: optim.Adam(weights, lr=0.01),
    "adamw": lambda weights: optim.AdamW(weights, lr=0.01, weight_decay=DECAY),
}

for name, make in OPTIMIZERS.items():
    weights = torch.nn.Parameter(torch.tensor(WEIGHTS, dtype=torch.float64))
    optimizer = make([weights])
    for gradient in GRADIENTS:
        weights.grad = torch.tensor(gradient, dtype=torch.float64)
        optimizer.step()
    print(name, weights.tolist())
