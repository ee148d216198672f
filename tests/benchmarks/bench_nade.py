"""A NADE training step against the textbook's loop over the coefficients: time, and the memory of activations.

Run: OMP_NUM_THREADS=1 python tests/benchmarks/bench_nade.py [more specs, such as nade:chunk=32]

The loop is that of the papers and of most code: one coefficient after another, weights indexed by it. The second loop
has its weights unbound beforehand, which spares autograd a matrix of zeros for every coefficient.
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
    weight, output, bias = (p[:, 0] for p in (network.weight, network.output_weight, network.output_bias))
    a, found = network.hidden_bias.expand(len(x), -1), []
    for i in range(x.shape[1]):
        found.append(a.sigmoid() @ output[i] + bias[i])
        a = a + x[:, i : i + 1] * weight[i]
    return torch.stack(found, 1)


def unbound(network: NADE, x: Tensor) -> Tensor:
    """The same loop, written for autograd."""
    parameters = tuple(p[:, 0] for p in (network.weight, network.output_weight, network.output_bias))
    a, found = network.hidden_bias.expand(len(x), -1), []
    for seen, w, v, b in zip(x.unbind(1), *(p.unbind(0) for p in parameters), strict=True):
        found.append(a.sigmoid() @ v + b)
        a = a + torch.outer(seen, w)
    return torch.stack(found, 1)


def training(forward: Callable[[NADE, Tensor], Tensor], network: NADE, x: Tensor) -> Callable[[], None]:
    """Forward and backward of one batch."""

    def step() -> None:
        network.zero_grad()
        functional.binary_cross_entropy_with_logits(forward(network, x), x, reduction="sum").backward()

    return step


class Peak(TorchDispatchMode):
    """The most bytes that tensors made inside it held at one time."""

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[int, int] = {}
        self.bytes = 0

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        out = function(*arguments, **(options or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor):
                self._hold(tensor.untyped_storage())
        self.bytes = max(self.bytes, sum(self.held.values()))
        return out

    def _hold(self, storage: torch.UntypedStorage) -> None:
        place = storage._cdata
        if place not in self.held:
            self.held[place] = storage.nbytes()
            weakref.finalize(storage, self.held.pop, place, None)


def main(specs: list[str]) -> None:
    """Print the time of each step and its ratio to the textbook's, and the peak memory of each."""
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
        with Peak() as peak:
            step()
        print(f"{name}: at most {peak.bytes / 2**20:.1f} MiB")
    print(f"hidden units of all coefficients at once: {PIXELS * BATCH * HIDDEN * 4 / 2**20:.1f} MiB")


if __name__ == "__main__":
    main(sys.argv[1:])
