"""A 3x3 layer of the PixelCNN, forward and backward, relative to torch's own unmasked convolution of the same size.

Targets: at most 0.85 under a raster order; at most twice the raster layer under orders masked position by position.
 Run: OMP_NUM_THREADS=2 python tests/benchmarks/bench_masked_conv.py [rounds]
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from statistics import median

import torch
from timing import interleaved
from torch import Tensor, nn

from tensorar import default_registry
from tensorar_plugins.backbones.masked_conv.conv import MaskedConv
from tensorar_plugins.backbones.masked_conv.grid import Grid

ORDERINGS = {28: ("raster", "snake", "random"), 32: ("raster", "snake", "hilbert", "random")}


def training(layer: Callable[[Tensor], Tensor], module: nn.Module, x: Tensor) -> Callable[[], None]:
    """One forward and backward pass, including the gradient of the input."""
    gradient = torch.randn_like(layer(x))

    def step() -> None:
        module.zero_grad()
        x.grad = None
        layer(x).backward(gradient)

    return step


def ratios(channels: int, side: int, batch: int, rounds: int) -> tuple[float, dict[str, float]]:
    """Milliseconds of the unmasked convolution, and the median ratio of each order to it."""
    grid = Grid.of((side, side))
    x = torch.randn(batch, channels, side, side, requires_grad=True)
    unmasked_conv = nn.Conv2d(channels, channels, 3, padding=1)
    masked = MaskedConv(grid, channels, channels, 3, include_self=True)
    steps = {"unmasked": training(unmasked_conv, unmasked_conv, x)}
    for name in ORDERINGS[side]:
        ranks = grid.ranks(default_registry().create("ordering", name).order((side, side)))
        steps[name] = training(lambda x, ranks=ranks: masked(x, ranks), masked, x)
    seconds = interleaved(steps, rounds=rounds)
    unmasked = seconds.pop("unmasked")
    found = {name: median(a / b for a, b in zip(times, unmasked, strict=True)) for name, times in seconds.items()}
    return 1e3 * median(unmasked), found


def main(rounds: int) -> None:
    """Print a line for each size: ratios to the unmasked convolution, and to raster in parentheses."""
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}; relative to unmasked (relative to raster)")
    # warm-up, not counted: a new process waits for memory pages
    ratios(64, 28, 16, rounds)
    for channels, side, batch in itertools.product((64, 128), (28, 32), (16, 64)):
        unmasked, found = ratios(channels, side, batch, rounds)
        columns = [f"{name} {ratio:.2f} ({ratio / found['raster']:.2f})" for name, ratio in found.items()]
        size = f"{channels:3} channels, {side} x {side}, batch {batch}: unmasked {unmasked:6.1f} ms"
        print(size, *columns, sep=", ", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
