#!/usr/bin/env python3
# /// script
# dependencies = ["torch==2.15.0"]
# ///
"""Makes test/fixtures/pytorch/translation.json: encoders, bridges, attention and decoders, as PyTorch computes them in float64.

    python3 scripts/pytorch_translation.py && npx prettier --write test/fixtures

Rows of several lengths, and sources of others, go through each network one by one, so that no padding is in the way. Of each network there is
its stack as Lockstep describes it, parameters as PyTorch's modules lay them out, probabilities, weights of attention, loss and gradients, and
losses and parameters after some steps of SGD.
"""
import json
import os

import torch
from torch import nn
from torch.nn import functional

FIXTURE = os.path.join(os.path.dirname(__file__), "..", "test", "fixtures", "pytorch", "translation.json")
SOURCE_VOCABULARY, VOCABULARY = 9, 7
LENGTHS = [(5, 4), (1, 6), (7, 2), (3, 3), (18, 5)]
STEPS, LEARNING_RATE = 20, 0.1
CELLS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


class Attention(nn.Module):
    """Luong et al. 2015 and Bahdanau et al. 2015, several heads side by side."""

    def __init__(self, kind, heads, decoder, encoder, width):
        super().__init__()
        self.kind, self.heads = kind, heads
        if kind == "general":
            self.query = nn.Linear(decoder, encoder, bias=False)
        if kind == "additive":
            self.query = nn.Linear(decoder, width)
            self.key = nn.Linear(encoder, width, bias=False)
            self.vector = nn.Linear(width, 1, bias=False)
        self.output = nn.Linear(encoder + decoder, width)

    def forward(self, outputs, memory):
        """outputs [T, decoder] and memory [S, encoder] to [T, width] and weights [T, heads, S]"""
        heads = lambda x: x.unflatten(-1, (self.heads, -1)).transpose(0, 1)
        queries = outputs if self.kind == "dot" else self.query(outputs)
        keys = self.key(memory) if self.kind == "additive" else memory
        queries, keys, values = heads(queries), heads(keys), heads(memory)
        if self.kind == "additive":
            vector = self.vector.weight.view(self.heads, 1, 1, -1)
            scores = (vector * torch.tanh(queries.unsqueeze(2) + keys.unsqueeze(1))).sum(-1)
        else:
            scores = queries @ keys.transpose(1, 2)
        weights = torch.softmax(scores, dim=-1)
        sums = (weights @ values).transpose(0, 1).flatten(1)
        return torch.tanh(self.output(torch.cat([sums, outputs], dim=1))), weights.transpose(0, 1)


class Translation(nn.Module):
    def __init__(self, encoder, layers, attention, bridge, embedding):
        tied = encoder["embedding"].get("tied")
        super().__init__()
        self.layers, self.bridges = layers, bridge == "dense"
        self.encoder = nn.Module()
        if not tied:
            self.encoder.embedding = nn.Embedding(SOURCE_VOCABULARY, encoder["embedding"]["width"])
        width, cell = encoder["embedding"]["width"], encoder["layers"][0]["kind"]
        hidden = encoder["layers"][0]["hiddenSize"]
        self.cell, self.both = cell, encoder["layers"][0].get("direction") == "both"
        self.encoder.add_module(cell, CELLS[cell](width, hidden, len(encoder["layers"]), bidirectional=self.both))
        memory = hidden * (2 if self.both else 1)
        self.embedding = nn.Embedding(VOCABULARY, embedding["width"])
        width = embedding["width"]
        self.decoders = []
        self.attention, self.feeds = None, attention.get("inputFeeding", False)
        self.after = attention.get("after", len(layers)) if attention["kind"] != "none" else None
        if self.feeds:
            self.fed = attention.get("width", layers[self.after - 1]["hiddenSize"])
            # What is fed stands before the word.
            width += self.fed
        for number, layer in enumerate(layers):
            own = CELLS[layer["kind"]](width, layer["hiddenSize"])
            # Its names have the layer's number in the stack.
            named = nn.Module()
            for key, value in list(own.named_parameters()):
                named.register_parameter(key.replace("_l0", f"_l{number}"), value)
            if not hasattr(self, layer["kind"]):
                self.add_module(layer["kind"], nn.Module())
            for key, value in named.named_parameters():
                getattr(self, layer["kind"]).register_parameter(key, value)
            width = layer["hiddenSize"]
            self.decoders.append(own)
            if self.bridges:
                made = nn.Module()
                made.hidden = nn.Linear(memory, width)
                if layer["kind"] == "lstm":
                    made.cell = nn.Linear(memory, width)
                self.add_module(f"bridge_{number}", made)
            if number + 1 == self.after:
                made = attention.get("width", width)
                self.attention = Attention(attention["kind"], attention["heads"], width, memory, made)
                width = made
        self.source = self.embedding if tied else self.encoder.embedding
        self.head = nn.Linear(width, VOCABULARY)
        if embedding.get("tied"):
            self.head.weight = self.embedding.weight

    def forward(self, source, tokens):
        """Token ids to logits [T, vocabulary], and weights."""
        memory, states = getattr(self.encoder, self.cell)(self.source(source))
        hidden = states[0] if isinstance(states, tuple) else states
        ends = torch.cat([hidden[-2], hidden[-1]]) if self.both else hidden[-1]
        begins = []
        for number, layer in enumerate(self.layers):
            begin = None
            if self.bridges:
                made = getattr(self, f"bridge_{number}")
                begin = torch.tanh(made.hidden(ends)).unsqueeze(0)
                if layer["kind"] == "lstm":
                    begin = (begin, torch.tanh(made.cell(ends)).unsqueeze(0))
            begins.append(begin)
        words = self.embedding(tokens)
        below = self.after if self.after else len(self.layers)
        if self.feeds:
            states, made, steps = begins[:], torch.zeros(1, self.fed, dtype=words.dtype), []
            for word in words:
                outputs = torch.cat([made, word.unsqueeze(0)], dim=1)
                for number in range(below):
                    outputs, states[number] = self.decoders[number](outputs, states[number])
                made, looked = self.attention(outputs, memory)
                steps.append((made, looked))
            outputs, weights = (torch.cat(each) for each in zip(*steps))
        else:
            outputs, weights = words, None
            for number in range(below):
                outputs, _ = self.decoders[number](outputs, begins[number])
            if self.attention:
                outputs, weights = self.attention(outputs, memory)
        for number in range(below, len(self.layers)):
            outputs, _ = self.decoders[number](outputs, begins[number])
        return self.head(outputs), weights


def rounded(tensor):
    return [float(f"{value:.10g}") for value in tensor.detach().flatten().tolist()]


def case(name, seed, scale=0.6, **stack):
    stack = {"embedding": {"width": 4}, "bridge": "dense", **stack}
    torch.manual_seed(seed)
    model = Translation(**stack)
    with torch.no_grad():
        for parameter in model.parameters():
            # Short to write, and exact in float32.
            parameter.copy_((parameter.uniform_(-scale, scale) * 32).round() / 32)
    model.double()
    # What holds the weights is not what computes with them: they are the same tensors.
    for decoder in model.decoders:
        decoder.double()
    owned = dict(model.named_parameters())
    for number, (layer, decoder) in enumerate(zip(model.layers, model.decoders)):
        for key in [key for key, _ in decoder.named_parameters()]:
            setattr(decoder, key, owned[f"{layer['kind']}.{key.replace('_l0', f'_l{number}')}"])
    sources = VOCABULARY if stack["encoder"]["embedding"].get("tied") else SOURCE_VOCABULARY
    rows = [(torch.randint(0, sources, (source,)), torch.randint(0, VOCABULARY, (own,)),
             torch.randint(0, VOCABULARY, (own,))) for source, own in LENGTHS]
    described = {key: {"shape": list(value.shape), "initial": rounded(value)} for key, value in owned.items()}
    optimizer = torch.optim.SGD(owned.values(), LEARNING_RATE)
    losses = []
    for step in range(STEPS):
        optimizer.zero_grad()
        made = [model(source, tokens) for source, tokens, _ in rows]
        logits = torch.cat([each for each, _ in made])
        loss = functional.cross_entropy(logits, torch.cat([targets for _, _, targets in rows]))
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            probabilities = [rounded(torch.softmax(each, dim=1)) for each, _ in made]
            weights = [rounded(each) for _, each in made] if model.attention else None
            for key, value in owned.items():
                described[key]["gradient"] = rounded(value.grad)
        optimizer.step()
    for key, value in owned.items():
        described[key]["trained"] = rounded(value)
    return {"name": name, "stack": stack, "source": [source.tolist() for source, _, _ in rows],
            "tokens": [tokens.tolist() for _, tokens, _ in rows],
            "targets": [targets.tolist() for _, _, targets in rows],
            "losses": losses, "probabilities": probabilities, **({"weights": weights} if weights else {}),
            "parameters": described}


def encoder(kind, hidden, depth=1, direction="both", embedding={"width": 3}):
    layer = {"kind": kind, "hiddenSize": hidden, "direction": direction}
    return {"vocabulary": SOURCE_VOCABULARY, "embedding": embedding, "layers": [layer] * depth, "dropout": 0}


def decoder(*layers):
    return [{"kind": kind, "hiddenSize": hidden} for kind, hidden in layers]


if __name__ == "__main__":
    cases = [
        case("no attention", 1, encoder=encoder("lstm", 3), layers=decoder(("lstm", 5)),
             attention={"kind": "none", "heads": 1}),
        case("dot", 2, encoder=encoder("lstm", 2), layers=decoder(("lstm", 4)), attention={"kind": "dot", "heads": 1}),
        case("general, two layers on either side", 3, encoder=encoder("lstm", 3, 2),
             layers=decoder(("lstm", 5), ("gru", 4)), attention={"kind": "general", "heads": 1}),
        case("additive", 4, encoder=encoder("gru", 3), layers=decoder(("gru", 5)),
             attention={"kind": "additive", "heads": 1, "width": 6}),
        case("general, two heads", 5, 0.3, encoder=encoder("rnn", 16), layers=decoder(("rnn", 4)),
             attention={"kind": "general", "heads": 2, "width": 3}),
        case("additive, two heads", 6, 0.3, encoder=encoder("rnn", 32, 1, "forwards"), layers=decoder(("rnn", 3)),
             attention={"kind": "additive", "heads": 2, "width": 32}),
        case("additive from zeros", 7, encoder=encoder("lstm", 3, 1, "forwards"), layers=decoder(("lstm", 4)),
             attention={"kind": "additive", "heads": 1}, bridge="zeros"),
        case("one weight for the words of both sides and for the head", 8,
             encoder=encoder("lstm", 3, 1, "both", {"width": 5, "tied": True}), layers=decoder(("lstm", 5)),
             attention={"kind": "general", "heads": 1}, embedding={"width": 5, "tied": True}),
        case("general between two layers", 9, encoder=encoder("gru", 3), layers=decoder(("gru", 4), ("lstm", 5)),
             attention={"kind": "general", "heads": 1, "after": 1, "width": 7}),
        case("general, input feeding", 10, encoder=encoder("lstm", 3), layers=decoder(("lstm", 5)),
             attention={"kind": "general", "heads": 1, "inputFeeding": True}),
        case("additive, input feeding below a third of three layers", 11, encoder=encoder("gru", 3, 1, "forwards"),
             layers=decoder(("gru", 4), ("lstm", 5), ("rnn", 3)),
             attention={"kind": "additive", "heads": 1, "after": 2, "width": 6, "inputFeeding": True}),
        case("dot, two heads, input feeding from zeros", 12, 0.3, encoder=encoder("rnn", 16),
             layers=decoder(("rnn", 32)), bridge="zeros",
             attention={"kind": "dot", "heads": 2, "width": 3, "inputFeeding": True}),
    ]
    with open(FIXTURE, "w") as file:
        json.dump({"sourceVocabulary": SOURCE_VOCABULARY, "vocabulary": VOCABULARY, "steps": STEPS,
                   "learningRate": LEARNING_RATE, "cases": cases}, file)
        file.write("\n")
