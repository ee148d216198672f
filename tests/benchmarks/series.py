"""Forecasts of daily temperatures: a run, a Gaussian fitted to the same windows, and the value of a year before.

Run it with ``python tests/benchmarks/series.py RUN ...`` on runs that were trained on windows of 60 days of
``$TENSORAR_DATA/series/daily-min-temperatures.csv``: docs/how-to/forecast.md has the commands. Every window of the test
split is a task: its first half is given, the rest is forecast. It prints the table of that page: nats per step of the
rest, CRPS, pinball loss (mean of the levels 0.1, 0.5 and 0.9) and the coverage of the central 80 % interval, each the
mean over all tasks.
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal

import tensorar
from tensorar import Evidence, Run

LEVELS = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
DRAWS, YEAR = 200, 365


def scores(draws: Tensor, truth: Tensor, nats: Tensor) -> list[float]:
    """Nats per step, CRPS, pinball loss and coverage of ``(draws, tasks, horizon)`` for the ``(tasks, horizon)`` truth.

    The CRPS is its unbiased estimate from draws (Gneiting and Raftery 2007, section 4.2).
    """
    n, ordered = len(draws), draws.sort(0).values
    rank = torch.arange(1, n + 1, dtype=torch.float64)[:, None, None]
    spread = ((2 * rank - n - 1) * ordered).sum(0) / (n * (n - 1))
    crps = (draws - truth).abs().mean(0) - spread
    error = truth - (quantiles := torch.quantile(draws, LEVELS, dim=0))
    levels = LEVELS[:, None, None]
    pinball = torch.maximum(levels * error, (levels - 1) * error).mean(0)
    covered = ((quantiles[0] <= truth) & (truth <= quantiles[2])).double()
    return [float(part.mean()) for part in (nats / truth.shape[1], crps, pinball, covered)]


def of_run(run: Run, half: int) -> list[float]:
    """The scores of a run's model."""
    test, contexts = run.dataset.test, None if run.dataset.contexts is None else run.dataset.contexts.test
    mask = torch.zeros(test.shape[1:], dtype=torch.bool)
    mask[:half] = True
    options = {"context": contexts, "generator": torch.Generator().manual_seed(0)}
    evidence = Evidence(mask.expand_as(test), test)
    parts = [run.model.sample(evidence=evidence, **options)[:, half:].double() for _ in range(DRAWS)]
    return scores(torch.stack(parts), test[:, half:], -run.model.log_conditional(test, mask, contexts).value)


def of_gaussian(train: Tensor, test: Tensor, half: int) -> list[float]:
    """The scores of a Gaussian with the mean and the covariance of training rows, of which the first part is known."""
    mean, covariance = train.mean(0), train.T.cov()
    gain = torch.linalg.solve(covariance[:half, :half], covariance[:half, half:])
    rest = covariance[half:, half:] - covariance[half:, :half] @ gain
    found = MultivariateNormal(mean[half:] + (test[:, :half] - mean[:half]) @ gain, rest)
    torch.manual_seed(0)
    return scores(found.sample((DRAWS,)), test[:, half:], -found.log_prob(test[:, half:]))


def of_year_before(values: Tensor, first: int, windows: int, window: int, half: int) -> list[float]:
    """The scores of the value of a year before, with the standard deviation of its errors before the test."""
    past = values[:first]
    errors = (past[YEAR:] - past[:-YEAR])[~(past[YEAR:] - past[:-YEAR]).isnan()]
    steps = first + torch.arange(windows)[:, None] + torch.arange(half, window)
    found = Normal(values[steps - YEAR], errors.std())
    torch.manual_seed(0)
    return scores(found.sample((DRAWS,)), values[steps], -found.log_prob(values[steps]).sum(1))


def main(*folders: str) -> None:
    """Print a table with a row for each run and for each simpler forecast."""
    torch.set_num_threads(1)
    runs = [Run.open(folder) for folder in folders]
    data = tensorar.load_dataset(runs[0].recipe.dataset, period=365.25)
    values, window = data.series().values, data.event_shape[0]
    half, first = window // 2, len(values) - len(data.test) - window + 1
    found = {f"`{run.recipe.dataset}`".replace(str(data.path), "..."): of_run(run, half) for run in runs}
    found["Gaussian"] = of_gaussian(data.train, data.test, half)
    train, test = (torch.cat([getattr(data.contexts, split), getattr(data, split)], 1) for split in ("train", "test"))
    found["Gaussian, given the day of the year"] = of_gaussian(train, test, half + 2)
    found["seasonal naive: a year before"] = of_year_before(values, first, len(data.test), window, half)
    print("| forecast | nats per step | CRPS | pinball loss | coverage of 80 % |")
    print("| --- | --- | --- | --- | --- |")
    for name, (nats, crps, pinball, covered) in found.items():
        print(f"| {name} | {nats:.3f} | {crps:.3f} | {pinball:.3f} | {100 * covered:.1f} % |")


if __name__ == "__main__":
    main(*sys.argv[1:])
