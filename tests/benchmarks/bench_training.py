"""Seconds of training steps and likelihoods beside the same work written plainly, in turns in one process.

Run: python tests/benchmarks/bench_training.py             (measure everything, record in training.json)
     python tests/benchmarks/bench_training.py --only made pixelcnn              (print, do not record)
     python tests/benchmarks/bench_training.py --only made pixelcnn --record     (replace these rows)

Three comparisons, in processor seconds of one thread; a ratio is that of the medians:

- a step of ``tensorar train``, with data, checks, clipping, averages and progress, against a loop that takes the next
  slice of a tensor, the same network, the same loss and ``torch.optim.Adam``;
- ``model.log_prob`` without gradients, with its checks, against the same network and the same loss;
- networks against others that do the same, written as they usually are (``plain_networks.py``), each with its own loss
  and Adam: MADE against weights times masks, a Gaussian MADE against zuko's ``MaskedAutoregressiveTransform`` where
  zuko is installed, a PixelCNN against masked weights in ordinary convolutions. Here the loss is ``model.loss``.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from make_tables import TRAINING, TRAINING_COLUMNS, header, training_row
from plain_networks import PlainMADE, PlainPixelCNN
from timing import interleaved, machine
from torch import Tensor, nn
from torch.nn import functional

from tensorar import PartSpec, Recipe, Run, TrainingSettings, build
from tensorar.training.progress_bar import progress_bar
from tensorar.training.trainer import Trainer

Step = Callable[[], object]
# a backbone, the side of its images of bits, and the batch
SIZES = (
    *(("fvsbn", 8, 100), ("made:hidden=100", 8, 100), ("nade:hidden=100", 8, 100)),
    *(("fvsbn", 28, 100), ("made:layers=1", 28, 100), ("made", 28, 100), ("nade", 28, 100)),
    *(("pixelcnn:channels=32,blocks=15", 28, 16), ("gated_pixelcnn:channels=32,layers=7", 28, 16)),
    *(("rnn:hidden=128,layers=1", 28, 16), ("transformer:channels=64,layers=2,heads=4", 28, 8)),
    *(("row_lstm:channels=16,layers=2", 28, 16), ("diagonal_bilstm:channels=16,layers=2", 28, 16)),
)
# a step of the library takes at most this much of a plain one, or so many seconds more where that is less than 5 ms
SHARE, SHORT, EXTRA = 1.10, 5e-3, 0.5e-3


def seconds_of(ours: Step, plain: Step, rounds: int) -> tuple[float, float]:
    """The median processor seconds of both, in turns."""
    found = interleaved({"ours": ours, "plain": plain}, rounds=rounds, clock=time.process_time)
    return statistics.median(found["ours"]), statistics.median(found["plain"])


def row(what: str, size: str, ours: Step, plain: Step, rounds: int, goal: float | None = None) -> dict:
    """The figures of one comparison; ``goal`` is the largest ratio that is asked for."""
    seconds, theirs = seconds_of(ours, plain, rounds)
    goal = goal or (SHARE if theirs >= SHORT else 1 + EXTRA / theirs)
    return {"what": what, "size": size, "ours": seconds, "plain": theirs, "goal": goal, "machine": machine()}


def bits_loss(network: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Nats of each event of bits."""
    logits = network(x)
    return functional.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)


def plain_training(loss: Callable[[], Tensor], network: nn.Module) -> Step:
    """One step of Adam."""
    optimizer = torch.optim.Adam(network.parameters())

    def step() -> None:
        optimizer.zero_grad()
        loss().mean().backward()
        optimizer.step()

    return step


def without_gradients(function: Step) -> Step:
    """The same, under ``torch.no_grad``."""
    return torch.no_grad()(function)


# --- the library around a network ------------------------------------------------------------------------------------


def library(spec: str, side: int, batch: int, rounds: int) -> Iterator[dict]:
    """A step of ``tensorar train`` and a likelihood against plain ones of the same network."""
    size = f"`{spec}`, 1 x {side} x {side}, batch {batch}"
    with tempfile.TemporaryDirectory() as folder:
        events = torch.rand(2000, 1, side, side).round().to(torch.uint8)
        np.save(Path(folder) / "bits.npy", events.numpy())
        run = new_run(Path(folder), spec, batch)
        with progress_bar(None, shown=True) as on_update:
            trainer = Trainer(run, device="cpu", on_update=on_update)
            network = trainer.optimization.model
            copy = build((1, side, side), "raster", "bernoulli", spec)
            plain = plain_training(lambda: bits_loss(logits_of(copy), next(slices)), copy)
            slices = endless(events[: len(events) // batch * batch].float(), batch)
            yield row("a step of `tensorar train`", size, trainer._step, plain, rounds)
        x = events[:batch].float()
        network.eval()
        log_prob = without_gradients(lambda: network.log_prob(x))
        plain = without_gradients(lambda: bits_loss(logits_of(network), x))
        yield row("`log_prob`", size, log_prob, plain, rounds, SHARE)


def new_run(folder: Path, spec: str, batch: int) -> Run:
    """A run that is never evaluated."""
    parts = {"dataset": f"npy:path={folder / 'bits.npy'}", "ordering": "raster", "head": "bernoulli", "backbone": spec}
    settings = TrainingSettings(steps=10**6, batch_size=batch, evaluate_every=10**6)
    recipe = Recipe(training=settings, **{kind: PartSpec.parse(part) for kind, part in parts.items()})
    return Run.create(folder / "run", recipe)


def logits_of(model: nn.Module) -> Callable[[Tensor], Tensor]:
    """The network of a model of bits, from values to logits."""
    return lambda x: model.backbone(x.unsqueeze(-1), model.order).squeeze(-1)


def endless(events: Tensor, batch: int) -> Iterator[Tensor]:
    """Slices of the events, again and again."""
    while True:
        yield from events.split(batch)


# --- networks against others -----------------------------------------------------------------------------------------


def against_plain_bits(
    spec: str, shape: tuple[int, ...], batch: int, other: nn.Module, name: str, rounds: int, goal: float
) -> Iterator[dict]:
    """A training step and a likelihood of a network of bits against another one's."""
    x, model = torch.rand(batch, *shape).round(), build(shape, "raster", "bernoulli", spec)
    size = f"`{spec}`, {' x '.join(map(str, shape))}, batch {batch}"
    steps = plain_training(lambda: model.loss(x), model), plain_training(lambda: bits_loss(other, x), other)
    yield row(f"a step against {name}", size, *steps, rounds, goal)
    nats = [without_gradients(f) for f in (lambda: model.log_prob(x), lambda: bits_loss(other, x))]
    yield row(f"`log_prob` against {name}", size, *nats, rounds, goal)


def against_zuko(features: int, rounds: int) -> Iterator[dict]:
    """A Gaussian MADE against the affine transform of zuko with a conditioner of the same size."""
    import zuko

    hidden, batch = 500, 100
    spec, x = f"made:hidden={hidden},layers=1", torch.randn(batch, features)
    model = build((features,), "raster", "gaussian:units=none", spec)
    transform = zuko.flows.MaskedAutoregressiveTransform(features, hidden_features=(hidden,))
    moments = torch.zeros(features), torch.ones(features)
    flow = zuko.flows.Flow(transform, zuko.flows.UnconditionalDistribution(zuko.distributions.DiagNormal, *moments))
    size = f"gaussian `{spec}`, {features} numbers, batch {batch}"
    steps = plain_training(lambda: model.loss(x), model), plain_training(lambda: -flow().log_prob(x), flow)
    yield row("a step against zuko", size, *steps, rounds, 1.0)
    nats = [without_gradients(f) for f in (lambda: model.log_prob(x), lambda: flow().log_prob(x))]
    yield row("`log_prob` against zuko", size, *nats, rounds, 1.0)
    samples = [without_gradients(f) for f in (lambda: model.sample(batch), lambda: flow().sample((batch,)))]
    yield row("sampling against zuko", size, *samples, max(3, rounds // 10), 0.1)


def comparisons(rounds: int) -> dict[str, Callable[[], Iterator[dict]]]:
    """All comparisons, by a name that ``--only`` finds."""
    found = {f"{spec} {side}": (spec, side, batch) for spec, side, batch in SIZES}
    made, conv = "made:hidden=500,layers=1", "pixelcnn:channels=32,blocks=15"
    masked = "masked weights in `F.linear`", "masked weights in `Conv2d`"
    return {
        **{name: lambda size=size: library(*size, rounds) for name, size in found.items()},
        "plain made": lambda: against_plain_bits(made, (784,), 100, PlainMADE(784, 500), masked[0], rounds, 1.0),
        "plain pixelcnn": lambda: against_plain_bits(
            conv, (1, 28, 28), 16, PlainPixelCNN(32, 15), masked[1], rounds, 1 / 1.3
        ),
        **({f"zuko {n}": lambda n=n: against_zuko(n, rounds) for n in (64, 784)} if has_zuko() else {}),
    }


def has_zuko() -> bool:
    """Whether zuko is installed, which nothing else needs."""
    return importlib.util.find_spec("zuko") is not None


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="*", help="words of the comparisons to measure, without recording")
    parser.add_argument("--record", action="store_true", help="replace the recorded rows of these")
    parser.add_argument("--rounds", type=int, default=40)
    given = parser.parse_args()
    found = {}
    if given.only is not None:
        found = {(measured["what"], measured["size"]): measured for measured in json.loads(TRAINING.read_text())}
    print(header(TRAINING_COLUMNS), flush=True)
    for name, compare in comparisons(given.rounds).items():
        if given.only is None or any(word in name for word in given.only):
            torch.manual_seed(0)
            for measured in compare():
                found[measured["what"], measured["size"]] = measured
                print(training_row(measured), flush=True)
    if given.only is None or given.record:
        TRAINING.write_text(json.dumps(list(found.values()), indent=2) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
