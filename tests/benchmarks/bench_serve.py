"""Latency of the page of an image model: completions and predictive distributions, in processor seconds.

Run: python tests/benchmarks/bench_serve.py      (measure, record in serve.json; half a minute of one core)
     python tests/benchmarks/bench_serve.py --run RUN --threads 2

For the default PixelCNN and a small one, untrained, and events of 28 x 28 bits of which the upper half is known. The
weights of the default one, 9 MB, are read at every step: the median depends on what else uses the machine's caches.

The second form records one row more, in seconds of the clock: test digits, completed by a network of the default size
that is the trained one of RUN, a smaller ``pixelcnn``: its weights, and zeros.
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


def padded_with_zeros(trained: tensorar.AutoregressiveModel) -> tensorar.AutoregressiveModel:
    """The network of the default size that computes what a smaller one does."""
    model, small = model_of("pixelcnn"), trained.state_dict()
    for name, weight in model.backbone.state_dict(prefix="backbone.").items():
        weight.zero_()
        if name in small:
            weight[tuple(map(slice, small[name].shape))] = small[name]
    return model


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


def measure(
    step: Callable[[int], object], rounds: int, clock: Callable[[], float] = time.process_time
) -> dict[str, float]:
    """The median and the least of some rounds, after a warm-up, in seconds."""
    seconds = []
    for seed in range(rounds + 1):
        start = clock()
        step(seed)
        seconds.append(clock() - start)
    return {"median": median(seconds[1:]), "least": min(seconds[1:])}


def measure_untrained(rounds: int) -> list[dict]:
    """A row for each question and backbone, printed as soon as it is there."""
    found = []
    for backbone in BACKBONES:
        for question, (step, asked) in questions(model_of(backbone)).items():
            about = {"question": question, "backbone": backbone, "asked": asked, "machine": machine()}
            found.append(about | measure(step, rounds))
            print(serve_row(found[-1]), flush=True)
    return found


def measure_trained(run: tensorar.Run, rounds: int) -> dict:
    """The row of a trained network."""
    model, test = padded_with_zeros(run.model), run.dataset.test[:]
    assert torch.allclose(model.log_prob(test[:8]), run.model.log_prob(test[:8]), atol=1e-3)

    def completion(k: int) -> None:
        x = test[k * len(test) // (rounds + 1)].double()
        x[:, 14:] = torch.nan
        complete(model, question_about(x, completions=1), lambda *_: None)

    question = f"completion of the lower half of a digit, trained, {torch.get_num_threads()} threads"
    about = {"question": question, "backbone": "pixelcnn", "asked": 300, "machine": machine()}
    found = about | measure(completion, rounds, time.perf_counter)
    print(serve_row(found), flush=True)
    return found


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--run", help="a trained pixelcnn of MNIST's bits")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(header(SERVE_COLUMNS), flush=True)
    recorded = json.loads(SERVE.read_text()) if SERVE.exists() else []
    if options.run:
        found = measure_trained(tensorar.Run.open(options.run), options.rounds)
        rows = [row for row in recorded if row["question"] != found["question"]] + [found]
    else:
        rows = measure_untrained(options.rounds) + [row for row in recorded if "trained" in row["question"]]
    SERVE.write_text(json.dumps(rows, indent=2) + "\n")


def _first(model: tensorar.AutoregressiveModel, seed: int) -> None:
    first_value(model, top_half(seed))


def _completion(model: tensorar.AutoregressiveModel, completions: int, seed: int) -> None:
    complete(model, top_half(seed, completions), lambda *_: None)


def _next(model: tensorar.AutoregressiveModel, seed: int) -> None:
    predict_exactly(model, top_half(seed), 392)


if __name__ == "__main__":
    main()
