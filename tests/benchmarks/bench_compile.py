"""``torch.compile`` applied to the parts of a sampling step whose shapes are constant.

A whole step reads all earlier activations, whose shape changes at every step.
Run: python tests/benchmarks/bench_compile.py [rounds]    (needs a C++ compiler)
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch
from timing import interleaved, report
from torch import Tensor

from tensorar import build

BATCHES = (1, 64)
REPEATS = 100


def pixelcnn(batch: int) -> Callable[[], Tensor]:
    """All layers of twelve blocks at one coefficient."""
    return _stepper("pixelcnn:blocks=12,channels=128", batch).networks[0].__call__


def gated_pixelcnn(batch: int) -> Callable[[], Tensor]:
    """All layers of the horizontal stack at one coefficient."""
    stepper = _stepper("gated_pixelcnn:layers=12,channels=64", batch)
    network, partial_sums = stepper.networks[0], stepper._partial_sums(0)
    return lambda: network(partial_sums)


def transformer(batch: int) -> Callable[[], Tensor]:
    """The feed-forward network of one block."""
    block, token = _stepper("transformer", batch).layers[0], torch.randn(batch, 128)
    return lambda: block.narrow(torch.nn.functional.gelu(block.widen(block.feed_forward_norm(token)))) + token


def nade(batch: int) -> Callable[[], Tensor]:
    """The running sum and the output layer."""
    stepper, features = _stepper("nade", batch), torch.ones(batch, 1)

    def work() -> Tensor:
        sums = torch.addmm(stepper.sums, features, stepper.columns[0])
        return torch.addmm(stepper.output_biases[1], sums.sigmoid(), stepper.output_weights[1])

    return work


def _stepper(spec: str, batch: int):
    model = build((1, 28, 28), "raster", "bernoulli", spec).eval()
    stepper = model.generation(batch).stepper
    stepper.step(None)
    return stepper


def _repeated(work: Callable[[], Tensor]) -> Callable[[], None]:
    def run() -> None:
        for _ in range(REPEATS):
            work()

    return run


def main(rounds: int) -> None:
    """Compare each part with its compiled form."""
    for part in (pixelcnn, gated_pixelcnn, transformer, nade):
        for batch in BATCHES:
            torch._dynamo.reset()
            with torch.inference_mode():
                work = part(batch)
                steps = {"eager": _repeated(work), "compiled": _repeated(torch.compile(work, dynamic=False))}
                seconds = interleaved(steps, rounds=rounds)
            print(f"{part.__name__}, batch {batch}, {REPEATS} times:", report(seconds, over="eager"), sep="\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
