"""Lockstep's models in PyTorch, and the safetensors files that carry their weights.

Used by the other pytorch_*.py scripts. Needs PyTorch 1.13 or later and nothing else
(Debian: apt-get install --no-install-recommends python3-torch).
"""
import json
import struct

import torch
from torch import nn


class Model(nn.Module):
    """Embedding, stacked LSTM, dense: its parameters have the names that checkpoints use.

    With `tied` the dense layer has the weight of the embedding, which a checkpoint holds once, as embedding.weight.
    """

    def __init__(self, vocabulary, embedding, hidden, layers, outputs, tied=False):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.lstm = nn.LSTM(embedding, hidden, layers)
        self.head = nn.Linear(hidden, outputs)
        if tied:
            self.head.weight = self.embedding.weight

    @classmethod
    def of_weights(cls, weights):
        """The model whose sizes and parameters are those of `weights` (name → tensor)."""
        vocabulary, embedding = weights["embedding.weight"].shape
        tied = "head.weight" not in weights
        if tied:
            weights = {**weights, "head.weight": weights["embedding.weight"]}
        outputs, hidden = weights["head.weight"].shape
        layers = sum(name.startswith("lstm.weight_hh_l") for name in weights)
        model = cls(vocabulary, embedding, hidden, layers, outputs, tied)
        model.load_state_dict(weights)
        return model

    def weights(self):
        """Every parameter by name, one that two layers share once: what `of_weights` reads and checkpoints hold."""
        return dict(self.named_parameters())

    def classify(self, rows):
        """Logits [B, classes] from the last hidden state of rows (lists of ids) of any lengths."""
        lengths = torch.tensor([len(row) for row in rows])
        ids = nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows])
        packed = nn.utils.rnn.pack_padded_sequence(self.embedding(ids), lengths, enforce_sorted=False)
        _, (hidden, _) = self.lstm(packed)
        return self.head(hidden[-1])

    def continue_text(self, ids, state=None):
        """Logits [T, B, V] for the token after each of `ids` [T, B], and the state to carry on."""
        hidden, state = self.lstm(self.embedding(ids), state)
        return self.head(hidden), tuple(part.detach() for part in state)


def read_safetensors(path):
    """The tensors of a file by name, float32."""
    with open(path, "rb") as file:
        data = bytearray(file.read())
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] != "F32":
            raise SystemExit(f"{path}: {name} is {entry['dtype']}, expected F32")
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        flat = torch.frombuffer(data[begin:end], dtype=torch.float32)
        tensors[name] = flat.reshape(entry["shape"])
    return tensors


def write_safetensors(path, tensors):
    """Writes tensors as float32, in the order of their names."""
    header, parts, begin = {}, [], 0
    for name in sorted(tensors):
        values = tensors[name].detach().to(torch.float32).contiguous()
        part = struct.pack(f"<{values.numel()}f", *values.flatten().tolist())
        end = begin + len(part)
        shape = list(values.shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}
        parts.append(part)
        begin = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(parts))
