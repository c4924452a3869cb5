#!/usr/bin/env python3
"""Predicts with PyTorch from the weights of a Lockstep checkpoint.

    echo '[[5, 17, 3], [8]]' | python3 scripts/pytorch_predict.py runs/NAME/checkpoints/step-00000500

Reads rows of token ids as JSON and prints the probabilities of each row as JSON: of the classes, or
of the token that follows. They agree with Lockstep's own within 1e-5.
"""
import json
import os
import sys

import torch

from pytorch_model import Model, read_safetensors

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    place = sys.argv[1]
    path = os.path.join(place, "model.safetensors") if os.path.isdir(place) else place
    model = Model.of_weights(read_safetensors(path)).eval()
    with torch.no_grad():
        print(json.dumps(model.classify(json.load(sys.stdin)).softmax(-1).tolist()))
