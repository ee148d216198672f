"""A NADE training step relative to the textbook loop over the coefficients: time, and peak memory of activations.

Run: OMP_NUM_THREADS=1 python tests/benchmarks/bench_nade.py [more specs, such as nade:chunk=32]

The textbook loop is that of the papers and of most code: one coefficient after another, indexing the weights. In the
second loop the weights are unbound beforehand, which saves autograd a matrix of zeros per coefficient.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable

import torch
from timing import interleaved, report
from torch import Tensor
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tensorar import build
from tensorar_plugins.backbones.nade import NADE

PIXELS, HIDDEN, BATCH = 784, 500, 64
TEXTBOOK = "textbook loop"


def textbook(network: NADE, x: Tensor) -> Tensor:
    """Larochelle and Murray 2011, algorithm 1."""
    weight, output_weight, bias = network.weight[:, 0], network.output_weight[:, 0], network.output_bias[:, 0]
    a, found = network.hidden_bias.expand(len(x), -1), []
    for i in range(x.shape[1]):
        found.append(a.sigmoid() @ output_weight[i] + bias[i])
        a = a + x[:, i : i + 1] * weight[i]
    return torch.stack(found, 1)


def unbound(network: NADE, x: Tensor) -> Tensor:
    """The same loop, written for autograd."""
    parameters = (network.weight[:, 0], network.output_weight[:, 0], network.output_bias[:, 0])
    a, found = network.hidden_bias.expand(len(x), -1), []
    for value, w, v, b in zip(x.unbind(1), *(p.unbind(0) for p in parameters), strict=True):
        found.append(a.sigmoid() @ v + b)
        a = a + torch.outer(value, w)
    return torch.stack(found, 1)


def training(forward: Callable[[NADE, Tensor], Tensor], network: NADE, x: Tensor) -> Callable[[], None]:
    """Forward and backward of one batch."""

    def step() -> None:
        network.zero_grad()
        functional.binary_cross_entropy_with_logits(forward(network, x), x, reduction="sum").backward()

    return step


class PeakMemory(TorchDispatchMode):
    """Peak number of bytes of the tensors created inside the context."""

    def __init__(self) -> None:
        super().__init__()
        self.live: dict[int, int] = {}
        self.bytes = 0

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        out = function(*arguments, **(options or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor):
                self._track(tensor.untyped_storage())
        self.bytes = max(self.bytes, sum(self.live.values()))
        return out

    def _track(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key not in self.live:
            self.live[key] = storage.nbytes()
            weakref.finalize(storage, self.live.pop, key, None)


def main(specs: list[str]) -> None:
    """Print the time of each step, its ratio to the textbook loop, and its peak memory."""
    torch.manual_seed(0)
    x = (torch.rand(BATCH, PIXELS) < 0.2).float()
    steps = {}
    for spec in [f"nade:hidden={HIDDEN}", *specs]:
        model = build((PIXELS,), "raster", "bernoulli", spec)
        steps[spec] = training(lambda n, x, o=model.order: n(x.unsqueeze(-1), o).squeeze(-1), model.backbone, x)
    steps |= {TEXTBOOK: training(textbook, model.backbone, x), "unbound loop": training(unbound, model.backbone, x)}
    print(f"{PIXELS} coefficients, hidden {HIDDEN}, batch {BATCH}, {torch.get_num_threads()} threads")
    print(report(interleaved(steps, rounds=15), over=TEXTBOOK))
    for name, step in steps.items():
        with PeakMemory() as peak:
            step()
        print(f"{name}: peak {peak.bytes / 2**20:.1f} MiB")
    print(f"hidden units of all coefficients together: {PIXELS * BATCH * HIDDEN * 4 / 2**20:.1f} MiB")


if __name__ == "__main__":
    main(sys.argv[1:])
