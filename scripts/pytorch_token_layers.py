#!/usr/bin/env python3
"""Makes test/fixtures/pytorch/{token-layers,recurrent-layers}.json: layers that mix the tokens of a row, as PyTorch computes them in float64.

    python3 scripts/pytorch_token_layers.py && npx prettier --write test/fixtures

Rows of several lengths go through each network one by one, so that no padding is in the way. Of each network there are its layers as Lockstep
describes them, parameters as PyTorch's modules lay them out, probabilities, loss and gradients, and the parameters after some steps of SGD.
"""
import json
import os

import torch
from torch import nn
from torch.nn import functional

FOLDER = os.path.join(os.path.dirname(__file__), "..", "test", "fixtures", "pytorch")
VOCABULARY, WIDTH, CLASSES = 12, 5, 3
LENGTHS = [7, 1, 2, 9, 4]
STEPS, LEARNING_RATE = 3, 0.5
CELLS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
ACTIVATIONS = {"none": lambda x: x, "relu": torch.relu, "tanh": torch.tanh}


class Attention(nn.Module):
    """Yang et al. 2016, and of several heads Lin et al. 2017."""

    def __init__(self, inputs, width, heads=1, score="additive"):
        super().__init__()
        self.projection = nn.Linear(inputs, width) if score == "additive" else None
        self.context = nn.Linear(width if self.projection else inputs, heads, bias=False)

    def forward(self, tokens):
        compared = torch.tanh(self.projection(tokens)) if self.projection else tokens
        weights = torch.softmax(self.context(compared), dim=0)
        return (weights.t() @ tokens).flatten()


class SelfAttention(nn.Module):
    """Over the tokens before each, at most `span`; heads have their own parts of the vectors."""

    def __init__(self, inputs, score, heads, span):
        super().__init__()
        self.heads, self.span = heads, span
        self.vector = nn.Linear(inputs, 1, bias=False) if score == "additive" else None

    def forward(self, tokens):
        parts = tokens.unflatten(1, (self.heads, -1))
        outputs = []
        for t, query in enumerate(parts):
            before = parts[max(0, t - self.span):t]
            if self.vector:
                scores = (self.vector.weight.view(self.heads, -1) * torch.tanh(query + before)).sum(-1)
            else:
                scores = (query * before).sum(-1)
            outputs.append((torch.softmax(scores, dim=0).unsqueeze(-1) * before).sum(0).flatten())
        return torch.stack(outputs)


def convolve(convolutions, options, tokens):
    """[T, inputs] to [T, channels of all]"""
    rows = tokens.t().unsqueeze(0)
    outputs = []
    for convolution in convolutions:
        if options["padding"] == "same":
            made = functional.conv1d(rows, convolution.weight, convolution.bias, padding="same")
        else:
            made = convolution(functional.pad(rows, (convolution.kernel_size[0] - 1, 0)))
        outputs.append(made.squeeze(0).t())
    return ACTIVATIONS[options["activation"]](torch.cat(outputs, dim=1))


POOLS = {
    "max": lambda tokens: tokens.max(dim=0).values,
    "mean": lambda tokens: tokens.mean(dim=0),
    "first": lambda tokens: tokens[0],
    "last": lambda tokens: tokens[-1],
}


def last_states(states, both):
    """Of the top layer, [hidden] or [2 hidden]: what each direction has come to at the end of its reading."""
    hidden = states[0] if isinstance(states, tuple) else states
    return torch.cat([hidden[-2], hidden[-1]]) if both else hidden[-1]


def build(layers):
    """Modules by name, and what takes a row of token ids to its logits."""
    modules, stages, width = nn.ModuleDict(), [], None
    for position, (kind, name, options) in enumerate(layers):
        if kind == "embedding":
            modules[name] = nn.Embedding(VOCABULARY, options["width"])
            stages.append(modules[name])
            width = options["width"]
        elif kind == "dense":
            modules[name] = nn.Linear(width, options["width"])
            activation = ACTIVATIONS[options.get("activation", "none")]
            stages.append(lambda x, m=modules[name], f=activation: f(m(x)))
            width = options["width"]
        elif kind == "convolution":
            widths = options["width"]
            modules[name] = nn.ModuleList([nn.Conv1d(width, options["channels"], taps) for taps in widths])
            stages.append(lambda x, m=modules[name], o=options: convolve(m, o, x))
            width = options["channels"] * len(widths)
        elif kind == "attention":
            modules[name] = Attention(width, **{"width": 128, **options})
            stages.append(modules[name])
            width *= options.get("heads", 1)
        elif kind == "self-attention":
            modules[name] = SelfAttention(width, options["score"], options.get("heads", 1), options["span"])
            stages.append(modules[name])
        elif kind in CELLS:
            if name in modules:
                continue
            depth = sum(other == name for _, other, _ in layers)
            both = options["direction"] == "both"
            modules[name] = CELLS[kind](width, options["hiddenSize"], depth, bidirectional=both)
            # A row that is read backwards is one of the opposite order.
            opposite = options["direction"] == "backwards"
            stages.append(lambda x, m=modules[name], o=opposite: m(x.flip(0) if o else x))
            width = options["hiddenSize"] * (2 if both else 1)
        elif kind == "last" and layers[position - 1][0] in CELLS:
            stages.append(lambda x, both=both: last_states(x[1], both))
        elif kind in POOLS:
            stages.append(POOLS[kind])

    def run(row):
        x = torch.tensor(row)
        for stage in stages:
            x = stage(x)
        return x

    return modules, run


def rounded(tensor):
    return [float(f"{value:.10g}") for value in tensor.detach().flatten().tolist()]


def case(name, seed, layers, lengths=LENGTHS):
    layers = [["embedding", "embedding", {"width": WIDTH}], *layers, ["dense", "head", {"width": CLASSES}]]
    torch.manual_seed(seed)
    modules, run = build(layers)
    modules.double()
    with torch.no_grad():
        for parameter in modules.parameters():
            # Of few different values, so that many tokens have the same one.
            parameter.copy_((parameter.uniform_(-1, 1) * 4).round() / 4 if parameter.shape[0] == VOCABULARY
                            else parameter.uniform_(-0.5, 0.5).float())
            if any(kind in CELLS for kind, _, _ in layers):
                # Short to write.
                parameter.copy_((parameter * 32).round() / 32)
    rows = [torch.randint(0, VOCABULARY, (length,)).tolist() for length in lengths]
    labels = torch.randint(0, CLASSES, (len(rows),))
    reverse = any(options.get("direction") == "backwards" for _, _, options in layers)
    named = lambda key: key + "_reverse" if reverse and key.split(".")[0] in CELLS else key
    described = {named(key): {"shape": list(value.shape), "initial": rounded(value)}
                 for key, value in modules.state_dict().items()}
    optimizer = torch.optim.SGD(modules.parameters(), LEARNING_RATE)
    for step in range(STEPS):
        optimizer.zero_grad()
        logits = torch.stack([run(row) for row in rows])
        loss = functional.cross_entropy(logits, labels)
        loss.backward()
        if step == 0:
            probabilities, first_loss = torch.softmax(logits, dim=1).tolist(), loss.item()
            for key, value in modules.named_parameters():
                described[named(key)]["gradient"] = rounded(value.grad)
        optimizer.step()
    for key, value in modules.state_dict().items():
        described[named(key)]["trained"] = rounded(value)
    return {"name": name, "layers": layers, "tokens": rows, "labels": labels.tolist(), "loss": first_loss,
            "probabilities": probabilities, "parameters": described}


EXPAND = ["expand", "expand", {}]


def convolution(width, padding, activation, channels=3):
    return ["convolution", "convolution",
            {"width": width, "channels": channels, "padding": padding, "activation": activation}]


def recurrent(cell, direction, depth):
    layer = [cell, cell, {"hiddenSize": 3 if depth == 1 else 2, "direction": direction}]
    return [*[layer] * depth, ["last", "last", {}]]


def write(name, cases):
    with open(os.path.join(FOLDER, name), "w") as file:
        json.dump({"vocabulary": VOCABULARY, "steps": STEPS, "learningRate": LEARNING_RATE, "cases": cases}, file)
        file.write("\n")


if __name__ == "__main__":
    cases = [
        case("convolutions on both sides", 1, [EXPAND, convolution([3, 4, 2], "same", "relu"), ["max", "max", {}]]),
        case("a causal convolution", 2, [EXPAND, convolution([5], "causal", "tanh"), ["mean", "mean", {}]]),
        case("convolutions of whole panels", 3, [EXPAND, convolution([1, 2], "same", "none", 16), ["last", "last", {}]]),
        case("the largest of equal values", 4, [EXPAND, ["max", "max", {}]]),
        case("attention", 5, [EXPAND, ["attention", "attention", {"width": 4}]]),
        case("the first token", 6, [EXPAND, ["dense", "tokens", {"width": 6, "activation": "tanh"}],
                                    ["first", "first", {}], ["dense", "row", {"width": 7, "activation": "relu"}]]),
        case("attention, three heads", 7, [EXPAND, ["attention", "attention", {"width": 4, "heads": 3}]]),
        case("attention, dot, two heads of whole panels", 8,
             [EXPAND, ["dense", "tokens", {"width": 16, "activation": "tanh"}],
              ["attention", "attention", {"score": "dot", "heads": 2}]]),
        *[case(f"self-attention, {score}, {heads} heads, {span} tokens", 9 + number,
               [EXPAND, ["dense", "tokens", {"width": width, "activation": "tanh"}],
                ["self-attention", "self-attention", {"score": score, "heads": heads, "span": span}],
                ["mean", "mean", {}]])
          for number, (score, heads, span, width) in enumerate(
              [("dot", 1, 3, 5), ("additive", 1, 20, 7), ("dot", 2, 1, 32), ("additive", 2, 4, 32)])],
    ]
    write("token-layers.json", cases)
    write("recurrent-layers.json", [
        case(f"{depth} {cell}, {direction}, rows {rows}", 10 + number, recurrent(cell, direction, depth), lengths)
        for number, cell in enumerate(CELLS)
        for direction in ["forwards", "backwards", "both"]
        for depth in [1, 3]
        for rows, lengths in [("of all lengths", LENGTHS), ("of one length", [4, 4, 4])]
    ])
