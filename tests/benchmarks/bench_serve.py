"""Latency of the page of an image model: completions and predictive distributions, by the processor and by the clock.

``python tests/benchmarks/bench_serve.py`` prints medians for the default PixelCNN and a small one, events of 28 x 28.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from types import SimpleNamespace

import torch

import tensorar
from tensorar.workflows.explore import Explorer, Question
from tensorar.workflows.explore.question import question_about

BACKBONES = ("pixelcnn", "pixelcnn:channels=32,blocks=4")


def explorer_of(backbone: str) -> Explorer:
    """An explorer of an untrained model, which takes as long as a trained one."""
    made = Explorer(SimpleNamespace(event_shape=(1, 28, 28), schema=None), "cpu")  # type: ignore[arg-type]
    made.model = tensorar.build(event_shape=(1, 28, 28), ordering="raster", head="bernoulli", backbone=backbone).eval()
    return made


def top_half(seed: int, completions: int = 1) -> Question:
    """Random evidence of the top half."""
    x = torch.rand(1, 28, 28, generator=torch.Generator().manual_seed(seed)).round().double()
    x[:, 14:] = torch.nan
    return question_about(x, completions=completions)


class FirstValue(Exception):  # noqa: N818 (it ends a completion)
    """The first value was told."""


def first_value(explorer: Explorer, asked: Question) -> None:
    """Until the first unknown coefficient appears."""

    def told(*_: object) -> None:
        raise FirstValue

    try:
        explorer.complete(asked, told)
    except FirstValue:
        return


def measure(name: str, step: Callable[[int], object], rounds: int) -> None:
    """Print the medians over rounds with new evidence in each."""
    seconds = []
    for seed in range(rounds + 1):
        clock, processor = time.perf_counter(), time.process_time()
        step(seed)
        seconds.append((time.process_time() - processor, time.perf_counter() - clock))
    processor, clock = (1e3 * median(each) for each in zip(*seconds[1:], strict=True))
    print(f"  {name:44} {processor:8.1f} ms of the processor {clock:8.1f} ms")


def main() -> None:
    """Measure each backbone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for backbone in BACKBONES:
        explorer, rounds = explorer_of(backbone), options.rounds
        print(f"{backbone}, {options.threads} threads")
        measure(
            "first value of a completion of the lower half", lambda k, e=explorer: first_value(e, top_half(k)), rounds
        )
        measure(
            "a completion of the lower half", lambda k, e=explorer: e.complete(top_half(k), lambda *_: None), rounds
        )
        measure("distribution of the next coefficient", lambda k, e=explorer: e.predict(top_half(k), 392), rounds)
        kept = top_half(0)
        explorer.predict(kept, 500)
        measure("distribution of another one, from completions", lambda k, e=explorer: e.predict(kept, 500 + k), rounds)


if __name__ == "__main__":
    main()
