"""A MADE training step relative to an unmasked autoencoder of the same widths: forward, backward and Adam.

Run: OMP_NUM_THREADS=1 python tests/benchmarks/bench_made.py [more specs, such as made:connectivities=32]
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch
from timing import interleaved, report
from torch import nn
from torch.nn import functional

from tensorar import build

PIXELS, HIDDEN, BATCH = 784, 500, 100
UNMASKED = "autoencoder"


def training(network: Callable[[torch.Tensor], torch.Tensor], parameters, x: torch.Tensor) -> Callable[[], None]:
    """One training step of a network that outputs logits."""
    optimizer = torch.optim.Adam(parameters)

    def step() -> None:
        optimizer.zero_grad()
        functional.binary_cross_entropy_with_logits(network(x), x, reduction="sum").backward()
        optimizer.step()

    return step


def made(spec: str, x: torch.Tensor, *, ordering: str = "raster") -> Callable[[], None]:
    """A training step of a MADE; with an ordering that varies, every step draws an order."""
    model = build((PIXELS,), ordering, "bernoulli", spec)
    draw = (lambda: model.order) if model.ordering.fixed else (lambda: model.ordering.draw((PIXELS,)))
    return training(lambda x: model.backbone(x.unsqueeze(-1), draw()).squeeze(-1), model.parameters(), x)


def autoencoder(x: torch.Tensor) -> Callable[[], None]:
    """A training step of the unmasked network."""
    layers = [nn.Linear(PIXELS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, PIXELS)]
    network = nn.Sequential(*layers)
    return training(network, network.parameters(), x)


def main(specs: list[str]) -> None:
    """Print the time of each step and its ratio to the autoencoder's."""
    torch.manual_seed(0)
    x = torch.rand(BATCH, PIXELS).round()
    steps = {UNMASKED: autoencoder(x)}
    for spec in [f"made:hidden={HIDDEN},layers=2", f"made:hidden={HIDDEN},layers=2,connectivities=32", *specs]:
        steps[spec] = made(spec, x)
    steps["the first one, a new order at every step"] = made(f"made:hidden={HIDDEN},layers=2", x, ordering="shuffled")
    print(f"{PIXELS}-{HIDDEN}-{HIDDEN}-{PIXELS}, batch {BATCH}, {torch.get_num_threads()} threads")
    print(report(interleaved(steps, rounds=60), over=UNMASKED))


if __name__ == "__main__":
    main(sys.argv[1:])
