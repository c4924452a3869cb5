#!/usr/bin/env python3
"""PyTorch's side of `lockstep bench --peer`: trains one of the benchmark's cases when it is its turn.

    python3 scripts/pytorch_bench.py CASE --way WAY --cores N [--precision bfloat16]

A step is forward, loss, backward, clipping by the global norm and Adam on all parameters. Ways: oneThread;
allThreads, one process with every core; processes, one single-threaded process a core
(DistributedDataParallel with gloo), each on its share of the batch. With bfloat16 the forward pass and the loss run
under torch.autocast. Says {"tokens": of a step} when it is ready; then each line of its input is a turn's length in seconds,
after which it says {"seconds": the median of the turn's steps}. It ends with its input.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

# classes 0: the loss is that of the next token at every position. Layers are LSTM's unless a case says otherwise.
CASES = {
    "keras-seed": dict(vocabulary=10000, embedding=64, hidden=128, layers=1, batch=32, time=100, classes=3),
    "classifier-wide": dict(vocabulary=20000, embedding=128, hidden=256, layers=1, batch=64, time=64, classes=4),
    "char-rnn": dict(vocabulary=65, embedding=128, hidden=512, layers=2, batch=50, time=50, classes=0),
    "ptb-small": dict(vocabulary=10000, embedding=200, hidden=200, layers=2, batch=20, time=20, classes=0),
    "ptb-medium": dict(vocabulary=10000, embedding=650, hidden=650, layers=2, batch=20, time=35, classes=0),
    "gru-medium": dict(vocabulary=10000, embedding=650, hidden=650, layers=2, batch=20, time=35, classes=0, cell="GRU"),
    "rnn-medium": dict(vocabulary=10000, embedding=650, hidden=650, layers=2, batch=20, time=35, classes=0, cell="RNN"),
    "bilstm-wide": dict(vocabulary=20000, embedding=128, hidden=256, layers=1, batch=64, time=64, classes=4, both=True),
    "convolution": dict(vocabulary=10000, embedding=304, widths=[3, 4, 5], hidden=112, batch=50, time=40, classes=6),
    # Rows of 7 to 19 tokens, sources of others; an encoder that reads both ways, general attention (Luong et al. 2015).
    "translation": dict(vocabulary=8000, embedding=256, encoder=256, hidden=512, batch=64, time=13, classes=0),
}
SPREAD = 6
WARM_UP_STEPS = 3
FEWEST_STEPS = 3


def build(case, outputs):
    """The network of a case: ids [T, B] to logits."""
    import torch
    from torch import nn

    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(case["vocabulary"], case["embedding"])
            self.both = case.get("both", False)
            self.layers = getattr(nn, case.get("cell", "LSTM"))(
                case["embedding"], case["hidden"], case["layers"], bidirectional=self.both)
            self.head = nn.Linear(case["hidden"] * (2 if self.both else 1), outputs)

        def forward(self, ids):
            hidden, _ = self.layers(self.embedding(ids))
            if not case["classes"]:
                return self.head(hidden)
            if not self.both:
                return self.head(hidden[-1])
            # The last state of each direction.
            width = case["hidden"]
            return self.head(torch.cat([hidden[-1, :, :width], hidden[0, :, width:]], 1))

    class Convolutions(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(case["vocabulary"], case["embedding"])
            self.convolutions = nn.ModuleList(
                [nn.Conv1d(case["embedding"], case["hidden"], taps, padding="same") for taps in case["widths"]])
            self.head = nn.Linear(case["hidden"] * len(case["widths"]), outputs)

        def forward(self, ids):
            rows = self.embedding(ids).permute(1, 2, 0)
            seen = torch.cat([convolution(rows) for convolution in self.convolutions], 1)
            return self.head(torch.relu(seen).amax(2))

    return (Convolutions if "widths" in case else Recurrent)()


def lengths_of(case, factor):
    """Of the rows of a translator's batch, as Lockstep's case has them."""
    return [case["time"] + row * factor % (2 * SPREAD + 1) - SPREAD for row in range(case["batch"])]


def build_translator(case, rows):
    """What takes nothing to the mean loss of the rows of one process: padded, with packed sequences where that saves work."""
    import torch
    from torch import nn
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    sources, targets = [torch.tensor(lengths_of(case, factor))[rows] for factor in (7, 5)]
    ids = [torch.randint(0, case["vocabulary"], (int(lengths.max()), len(lengths))) for lengths in (sources, targets, targets)]
    is_padding = torch.arange(int(sources.max())).unsqueeze(0) >= sources.unsqueeze(1)
    wanted = ids[2].masked_fill(torch.arange(int(targets.max())).unsqueeze(1) >= targets.unsqueeze(0), -100)

    class Translator(nn.Module):
        def __init__(self):
            super().__init__()
            width, encoder, hidden = case["embedding"], case["encoder"], case["hidden"]
            self.read = nn.Embedding(case["vocabulary"], width)
            self.encoder = nn.LSTM(width, encoder, bidirectional=True)
            self.hidden, self.cell = nn.Linear(2 * encoder, hidden), nn.Linear(2 * encoder, hidden)
            self.written = nn.Embedding(case["vocabulary"], width)
            self.decoder = nn.LSTM(width, hidden)
            self.query = nn.Linear(hidden, 2 * encoder, bias=False)
            self.output = nn.Linear(2 * encoder + hidden, hidden)
            self.head = nn.Linear(hidden, case["vocabulary"])

        def forward(self):
            packed = pack_padded_sequence(self.read(ids[0]), sources, enforce_sorted=False)
            memory, (ends, _) = self.encoder(packed)
            memory = pad_packed_sequence(memory, batch_first=True)[0]
            ends = torch.cat([ends[0], ends[1]], 1)
            begin = [torch.tanh(each(ends)).unsqueeze(0) for each in (self.hidden, self.cell)]
            outputs = self.decoder(self.written(ids[1]), tuple(begin))[0].transpose(0, 1)
            scores = self.query(outputs) @ memory.transpose(1, 2)
            weights = torch.softmax(scores.masked_fill(is_padding.unsqueeze(1), -torch.inf), -1)
            made = torch.tanh(self.output(torch.cat([weights @ memory, outputs], 2)))
            # Words of padding need no logits.
            is_token = wanted.t() >= 0
            return nn.functional.cross_entropy(self.head(made[is_token]), wanted.t()[is_token])

    return Translator()


def prepare_step(case, processes, rank, meeting_place, precision):
    """A function that trains one step. `meeting_place` is a file where the processes find one another."""
    import torch
    from torch import distributed, nn

    torch.manual_seed(0)
    outputs = case["classes"] or case["vocabulary"]
    rows = case["batch"] // processes
    translates = "encoder" in case
    model = build_translator(case, slice(rank * rows, (rank + 1) * rows)) if translates else build(case, outputs)
    parameters = list(model.parameters())
    ids = torch.randint(0, case["vocabulary"], (case["time"], rows))
    targets = torch.randint(0, outputs, (rows,) if case["classes"] else (case["time"], rows))

    class Loss(nn.Module):
        """The model with its loss, so that DistributedDataParallel wraps all of the forward pass."""

        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self):
            if translates:
                return model()
            logits = model(ids)
            return nn.functional.cross_entropy(logits.flatten(0, -2).float(), targets.flatten())

    loss = Loss()
    if processes > 1:
        distributed.init_process_group("gloo", init_method=f"file://{meeting_place}",
                                       rank=rank, world_size=processes)
        loss = nn.parallel.DistributedDataParallel(loss)
    adam = torch.optim.Adam(parameters, 1e-3)

    def step():
        adam.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            value = loss()
        value.backward()
        nn.utils.clip_grad_norm_(parameters, 5.0)
        adam.step()

    return step


def say(answer):
    print(json.dumps(answer), flush=True)


def take_turns(step, processes, rank, tokens):
    """Rank 0 hears how long a turn is to be and has every process train as many steps."""
    import torch
    from torch import distributed

    def agree(steps):
        count = torch.tensor(steps)
        if processes > 1:
            distributed.broadcast(count, 0)
        return int(count)

    def train(steps):
        seconds = []
        for _ in range(steps):
            start = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - start)
        return statistics.median(seconds)

    median = train(WARM_UP_STEPS)
    if rank > 0:
        while steps := agree(0):
            train(steps)
        return
    say({"tokens": tokens})
    for line in sys.stdin:
        median = train(agree(max(FEWEST_STEPS, round(float(line) / median))))
        say({"seconds": median})
    agree(0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("case", choices=CASES)
    parser.add_argument("--way", choices=["oneThread", "allThreads", "processes"], required=True)
    parser.add_argument("--cores", type=int, required=True)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--rank", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--place", help=argparse.SUPPRESS)
    told = parser.parse_args()
    case = CASES[told.case]
    processes = min(told.cores, case["batch"]) if told.way == "processes" else 1
    threads = str(told.cores if told.way == "allThreads" else 1)
    # Read when PyTorch is loaded, which is not yet.
    os.environ.update(OMP_NUM_THREADS=threads, OPENBLAS_NUM_THREADS=threads, MKL_NUM_THREADS=threads,
                      GLOO_SOCKET_IFNAME="lo")

    def run(place):
        step = prepare_step(case, processes, told.rank, place, told.precision)
        # Processes have equal shares, so that a batch which they do not divide is a little smaller.
        rows = case["batch"] // processes * processes
        tokens = sum(lengths_of(case, 5)[:rows]) if "encoder" in case else case["time"] * rows
        take_turns(step, processes, told.rank, tokens)

    if told.rank > 0:
        run(told.place)
        return
    with tempfile.TemporaryDirectory() as folder:
        place = os.path.join(folder, "meeting")
        others = [subprocess.Popen([sys.executable, __file__, *sys.argv[1:], "--rank", str(rank), "--place", place],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
                  for rank in range(1, processes)]
        try:
            run(place)
        finally:
            for other in others:
                other.terminate()
                other.wait()


if __name__ == "__main__":
    main()
