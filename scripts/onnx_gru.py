#!/usr/bin/env python3
"""Makes test/fixtures/layers/gru-reset-before.json: what the operator GRU of ONNX computes with linear_before_reset = 0.

    pip install onnx==1.19.0 numpy==2.4.6
    python3 scripts/onnx_gru.py && npx prettier --write test/fixtures/layers

In the form of scripts/pytorch_layers.py. The operator has no gradients: those of the loss are differences of its values in
float64, of fourth order, right to some 1e-11.
"""
import json
import os

import numpy as np
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

FILE = os.path.join(os.path.dirname(__file__), "..", "test", "fixtures", "layers", "gru-reset-before.json")
VOCABULARY, WIDTH, HIDDEN, CLASSES = 9, 3, 5, 3
ROWS = [[1, 4, 4, 8, 2], [3], [7, 1, 0], [2, 2, 5, 6, 1, 3, 4]]
LABELS = [0, 2, 1, 1]
STEP = 1e-3


def operator():
    """GRU on one row: x [T, 1, WIDTH], and the hidden states of all its steps."""
    names = ["x", "W", "R", "B"]
    values = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, None) for name in [*names, "h"]]
    node = helper.make_node("GRU", names, ["h"], hidden_size=HIDDEN, linear_before_reset=0)
    graph = helper.make_graph([node], "gru", values[:-1], values[-1:])
    return ReferenceEvaluator(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)]))


GRU = operator()


def update_first(weight):
    """Blocks r, z, n in the order of ONNX: z, r, h."""
    reset, update, candidate = np.split(weight, 3)
    return np.concatenate([update, reset, candidate])


def logits(parameters, row):
    p = parameters
    x = p["embedding_0.weight"][row][:, None, :]
    weights = [update_first(p[f"gru_1.weight_{side}_l1"])[None] for side in ("ih", "hh")]
    biases = np.concatenate([update_first(p[f"gru_1.bias_{side}_l1"]) for side in ("ih", "hh")])[None]
    (hidden,) = GRU.run(None, {"x": x, "W": weights[0], "R": weights[1], "B": biases})
    return p["dense_3.weight"] @ hidden[-1, 0, 0] + p["dense_3.bias"]


def loss_of(parameters):
    rows = [logits(parameters, row) for row in ROWS]
    return np.mean([np.log(np.sum(np.exp(row))) - row[label] for row, label in zip(rows, LABELS)])


def gradient(parameters, name):
    values = parameters[name]
    result = np.zeros(values.shape)
    for place in np.ndindex(values.shape):
        original = values[place]

        def at(steps):
            values[place] = original + steps * STEP
            return loss_of(parameters)

        result[place] = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * STEP)
        values[place] = original
    return result


random = np.random.default_rng(1)
shapes = {"embedding_0.weight": (VOCABULARY, WIDTH), "gru_1.weight_ih_l1": (3 * HIDDEN, WIDTH),
          "gru_1.weight_hh_l1": (3 * HIDDEN, HIDDEN), "gru_1.bias_ih_l1": (3 * HIDDEN,),
          "gru_1.bias_hh_l1": (3 * HIDDEN,), "dense_3.weight": (CLASSES, HIDDEN), "dense_3.bias": (CLASSES,)}
parameters = {name: random.uniform(-0.6, 0.6, shape).astype(np.float32).astype(np.float64)
              for name, shape in shapes.items()}
layers = [("embedding", {"width": WIDTH}), ("gru", {"hiddenSize": HIDDEN, "reset": "before"}), ("last", {}),
          ("dense", {"width": CLASSES})]
case = {"vocabulary": VOCABULARY,
        "layers": [{"kind": kind, "name": {"module": f"{kind}_{index}", "index": index}, "options": options}
                   for index, (kind, options) in enumerate(layers)],
        "tokens": ROWS, "labels": LABELS, "loss": float(loss_of(parameters)),
        "parameters": {name: values.flatten().tolist() for name, values in parameters.items()},
        "gradients": {name: gradient(parameters, name).flatten().tolist() for name in parameters}}
with open(FILE, "w") as out:
    json.dump(case, out, indent=1)
    out.write("\n")
