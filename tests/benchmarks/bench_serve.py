"""Latency of the page of an image model: completions and predictive distributions, in processor seconds.

Run: python tests/benchmarks/bench_serve.py      (measure, record in serve.json; half a minute of one core)

For the default PixelCNN and a small one, untrained, and events of 28 x 28 bits of which the upper half is known. The
weights of the default one, 9 MB, are read at every step: the median depends on what else uses the machine's caches.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from statistics import median

import torch
from make_tables import SERVE, SERVE_COLUMNS, header, serve_row
from timing import machine

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


def questions(model: tensorar.AutoregressiveModel) -> dict[str, tuple[Callable[[int], object], int | None]]:
    """What the page asks, with new evidence for every seed, and the milliseconds that it may take."""
    kept = FromCompletions.of(model, top_half(0), complete(model, top_half(0, 16), lambda *_: None).x)
    return {
        "first value of a completion": (partial(_first, model), None),
        "completion of the lower half": (partial(_completion, model, 1), 300),
        "four completions of the lower half": (partial(_completion, model, 4), None),
        "distribution of the next coefficient": (partial(_next, model), 100),
        "another one, from kept completions": (lambda k: kept.predict(500 + k), 100),
    }


def measure(step: Callable[[int], object], rounds: int) -> dict[str, float]:
    """The median and the least of some rounds, after a warm-up, in processor seconds."""
    seconds = []
    for seed in range(rounds + 1):
        start = time.process_time()
        step(seed)
        seconds.append(time.process_time() - start)
    return {"median": median(seconds[1:]), "least": min(seconds[1:])}


def main() -> None:
    """Measure each backbone, print and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    found = []
    print(header(SERVE_COLUMNS), flush=True)
    for backbone in BACKBONES:
        for question, (step, asked) in questions(model_of(backbone)).items():
            about = {"question": question, "backbone": backbone, "asked": asked, "machine": machine()}
            found.append(about | measure(step, options.rounds))
            print(serve_row(found[-1]), flush=True)
    SERVE.write_text(json.dumps(found, indent=2) + "\n")


def _first(model: tensorar.AutoregressiveModel, seed: int) -> None:
    first_value(model, top_half(seed))


def _completion(model: tensorar.AutoregressiveModel, completions: int, seed: int) -> None:
    complete(model, top_half(seed, completions), lambda *_: None)


def _next(model: tensorar.AutoregressiveModel, seed: int) -> None:
    predict_exactly(model, top_half(seed), 392)


if __name__ == "__main__":
    main()
