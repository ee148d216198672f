"""Latency of the page of an image model: completions and predictive distributions, by the processor and by the clock.

``python tests/benchmarks/bench_serve.py`` prints medians for the default PixelCNN and a small one, events of 28 x 28.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from statistics import median

import torch

import tensorar
from tensorar.workflows.explore import Question
from tensorar.workflows.explore.completing import complete
from tensorar.workflows.explore.predicting import FromCompletions, predict_exactly
from tensorar.workflows.explore.question import question_about

BACKBONES = ("pixelcnn", "pixelcnn:channels=32,blocks=4")


def model_of(backbone: str) -> tensorar.AutoregressiveModel:
    """An untrained model, which takes as long as a trained one."""
    return tensorar.build(event_shape=(1, 28, 28), ordering="raster", head="bernoulli", backbone=backbone).eval()


def top_half(seed: int, completions: int = 1) -> Question:
    """Random evidence of the top half."""
    x = torch.rand(1, 28, 28, generator=torch.Generator().manual_seed(seed)).round().double()
    x[:, 14:] = torch.nan
    return question_about(x, completions=completions)


class FirstValue(Exception):  # noqa: N818 (it ends a completion)
    """The first value was told."""


def first_value(model: tensorar.AutoregressiveModel, asked: Question) -> None:
    """Until the first unknown coefficient appears."""

    def told(*_: object) -> None:
        raise FirstValue

    try:
        complete(model, asked, told)
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
        model, rounds = model_of(backbone), options.rounds
        print(f"{backbone}, {options.threads} threads")
        kept = FromCompletions.of(model, top_half(0), complete(model, top_half(0, 16), lambda *_: None).x)
        steps: dict[str, Callable[[int], object]] = {
            "first value of a completion": partial(_first, model),
            "completion of the lower half": partial(_completion, model),
            "distribution of the next coefficient": partial(_next, model),
            "another one, from kept completions": lambda k, kept=kept: kept.predict(500 + k),
        }
        for name, step in steps.items():
            measure(name, step, rounds)


def _first(model: tensorar.AutoregressiveModel, seed: int) -> None:
    first_value(model, top_half(seed))


def _completion(model: tensorar.AutoregressiveModel, seed: int) -> None:
    complete(model, top_half(seed), lambda *_: None)


def _next(model: tensorar.AutoregressiveModel, seed: int) -> None:
    predict_exactly(model, top_half(seed), 392)


if __name__ == "__main__":
    main()
