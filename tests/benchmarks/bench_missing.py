"""Time a training step on complete events and on events with missing values, for docs/missing-values.md.

Run it with ``python tests/benchmarks/bench_missing.py [EVENTS [COEFFICIENTS]]``; it uses one core.
"""

from __future__ import annotations

import sys
import time

import torch

from tensorar import AutoregressiveModel, Evidence, build

NETWORKS = ("mlp:hidden=128", "made:hidden=128", "nade:hidden=128", "rnn:hidden=64")
REPEATS = 7


def seconds(model: AutoregressiveModel, batch: torch.Tensor | Evidence) -> float:
    """The median processor time of a loss and its gradient."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        model.loss(batch).backward()
        times.append(time.process_time() - start)
    return sorted(times)[REPEATS // 2]


def batches(events: int, coefficients: int) -> dict[str, torch.Tensor | Evidence]:
    """Complete events, events with four patterns of missing values, and events of which half is missing at random."""
    generator = torch.Generator().manual_seed(0)
    x, part = torch.randn(events, coefficients, generator=generator), coefficients // 4
    four, half = x.clone(), x.clone()
    four[::2, -part:] = torch.nan
    four[::3, :part] = torch.nan
    half[torch.rand(x.shape, generator=generator) < 0.5] = torch.nan
    return {"complete": x, "4 patterns": Evidence.observed(four), "half at random": Evidence.observed(half)}


def main(events: int = 64, coefficients: int = 64) -> None:
    """Print a row of milliseconds per network."""
    torch.set_num_threads(1)
    data = batches(events, coefficients)
    print("| network |", " | ".join(data), "|")
    for spec in NETWORKS:
        model = build((coefficients,), "shuffled", "gaussian", spec)
        print(f"| {spec} |", " | ".join(f"{1000 * seconds(model, batch):.1f}" for batch in data.values()), "|")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
