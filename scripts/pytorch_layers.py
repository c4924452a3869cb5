#!/usr/bin/env python3
"""Makes test/fixtures/layers/: what PyTorch computes, in float64, for small networks of single kinds of layers.

    python3 scripts/pytorch_layers.py && npx prettier --write test/fixtures/layers

Each file holds a network's layers as Lockstep describes them, rows of tokens with a class each, parameters, exact in
float32, and of the mean cross-entropy: its value and the gradient of every parameter.
"""
import json
import os

import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

FOLDER = os.path.join(os.path.dirname(__file__), "..", "test", "fixtures", "layers")
VOCABULARY, CLASSES = 9, 3
ROWS = [[1, 4, 4, 8, 2], [3], [7, 1, 0], [2, 2, 5, 6, 1, 3, 4]]
LABELS = [0, 2, 1, 1]


class Network:
    """Layers over one row of tokens after the other; parameters are made as layers first ask for them."""

    def __init__(self, layers):
        self.layers = layers
        self.parameters = {}

    def parameter(self, name, *shape):
        if name not in self.parameters:
            values = torch.empty(shape, dtype=torch.float64).uniform_(-0.6, 0.6)
            self.parameters[name] = values.float().double().requires_grad_()
        return self.parameters[name]

    def logits(self, tokens):
        below = torch.tensor(tokens)
        for layer in self.layers:
            below = getattr(self, layer["kind"].replace("-", "_"))(below, layer["name"], layer["options"])
        return below

    def embedding(self, tokens, name, options):
        return F.embedding(tokens, self.parameter(f"{name['module']}.weight", VOCABULARY, options["width"]))

    def layer_norm(self, x, name, options):
        gain = self.parameter(f"{name['module']}.weight", x.shape[1])
        bias = self.parameter(f"{name['module']}.bias", x.shape[1])
        return F.layer_norm(x, (x.shape[1],), gain, bias, options["epsilon"])

    def recurrent(self, module, x, name, options, states=("hidden",)):
        module = module.double()
        own = lambda what, *shape: self.parameter(f"{name['module']}.{what}_l{name['index']}", *shape)
        weights = {key: own(key[:-3], *value.shape) for key, value in module.named_parameters()}
        hidden = options["hiddenSize"]
        learned = options.get("initialState") == "learned"
        initial = [own(f"initial_{state}", hidden) if learned else torch.zeros(hidden, dtype=torch.float64)
                   for state in states]
        if options.get("layerNorm"):
            return self.normalised(module, x, [weights[f"{key}_l0"] for key in ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]],
                                   own, initial)
        given = [state.unsqueeze(0) for state in initial]
        return functional_call(module, weights, (x, given[0] if len(given) == 1 else tuple(given)))[0]

    def normalised(self, module, x, weights, own, initial):
        """Ba et al. 2016, in single operations."""
        weight_ih, weight_hh, bias_ih, bias_hh = weights
        rows, width = len(bias_ih), len(initial[0])
        gain_ih, gain_hh = own("gain_ih", rows), own("gain_hh", rows)
        state = list(initial)
        outputs = []
        for token in x:
            below = F.layer_norm(weight_ih @ token, (rows,), gain_ih, bias_ih, 1e-5)
            before = F.layer_norm(weight_hh @ state[0], (rows,), gain_hh, bias_hh, 1e-5)
            if isinstance(module, nn.LSTM):
                i, f, g, o = (below + before).chunk(4)
                cell = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
                shown = F.layer_norm(cell, (width,), own("gain_cell", width), own("bias_cell", width), 1e-5)
                state = [torch.sigmoid(o) * torch.tanh(shown), cell]
            elif isinstance(module, nn.GRU):
                (r, z, n), (r_before, z_before, n_before) = below.chunk(3), before.chunk(3)
                update = torch.sigmoid(z + z_before)
                candidate = torch.tanh(n + torch.sigmoid(r + r_before) * n_before)
                state = [(1 - update) * candidate + update * state[0]]
            else:
                state = [torch.relu(below + before) if module.nonlinearity == "relu" else torch.tanh(below + before)]
            outputs.append(state[0])
        return torch.stack(outputs)

    def lstm(self, x, name, options):
        return self.recurrent(nn.LSTM(x.shape[1], options["hiddenSize"]), x, name, options, ("hidden", "cell"))

    def gru(self, x, name, options):
        return self.recurrent(nn.GRU(x.shape[1], options["hiddenSize"]), x, name, options)

    def rnn(self, x, name, options):
        activation = options.get("activation", "tanh")
        return self.recurrent(nn.RNN(x.shape[1], options["hiddenSize"], nonlinearity=activation), x, name, options)

    def last(self, x, name, options):
        return x[-1:]

    def dense(self, x, name, options):
        weight = self.parameter(f"{name['module']}.weight", options["width"], x.shape[1])
        return F.linear(x, weight, self.parameter(f"{name['module']}.bias", options["width"]))


def write(file, seed, *layers):
    """@param layers pairs of a kind and its options, from the embedding to what is below the head"""
    torch.manual_seed(seed)
    layers = [{"kind": kind, "name": {"module": kind.replace("-", "_") + f"_{index}", "index": index},
               "options": options}
              for index, (kind, options) in enumerate([*layers, ("last", {}), ("dense", {"width": CLASSES})])]
    network = Network(layers)
    logits = torch.cat([network.logits(row) for row in ROWS])
    loss = F.cross_entropy(logits, torch.tensor(LABELS))
    loss.backward()
    case = {"vocabulary": VOCABULARY, "layers": layers, "tokens": ROWS, "labels": LABELS, "loss": loss.item(),
            "parameters": {name: values.detach().flatten().tolist() for name, values in network.parameters.items()},
            "gradients": {name: values.grad.flatten().tolist() for name, values in network.parameters.items()}}
    with open(os.path.join(FOLDER, f"{file}.json"), "w") as out:
        json.dump(case, out, indent=1)
        out.write("\n")


os.makedirs(FOLDER, exist_ok=True)
EMBEDDING, LSTM = ("embedding", {"width": 3}), ("lstm", {"hiddenSize": 4})
write("layer-norm", 1, EMBEDDING, LSTM, ("layer-norm", {"epsilon": 1e-5}), LSTM)
write("rnn-relu", 2, EMBEDDING, ("rnn", {"hiddenSize": 5, "activation": "relu"}))
write("initial-state", 3, EMBEDDING, ("lstm", {"hiddenSize": 4, "initialState": "learned"}),
      ("gru", {"hiddenSize": 3, "initialState": "learned"}), ("rnn", {"hiddenSize": 3, "initialState": "learned"}))
for seed, (cell, options) in enumerate([("lstm", {}), ("gru", {}), ("rnn", {}), ("rnn", {"activation": "relu"})]):
    layer = (cell, {"hiddenSize": 4, "layerNorm": True, **options})
    write("-".join([cell, *options.values(), "layer-norm"]), 4 + seed, EMBEDDING, layer, layer)
