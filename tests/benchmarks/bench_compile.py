"""What ``torch.compile`` makes of a step's fixed part: the layers between what is fetched and what is kept.

The whole step reads "what is known so far", which has another shape every time; these parts have one shape throughout.
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
MANY = 100


def pixelcnn(batch: int) -> Callable[[], Tensor]:
    """All layers of twelve blocks at one coefficient."""
    return _stepper("pixelcnn:blocks=12,channels=128", batch).chains[0].__call__


def gated_pixelcnn(batch: int) -> Callable[[], Tensor]:
    """All layers of the horizontal stack at one coefficient."""
    stepper = _stepper("gated_pixelcnn:layers=12,channels=64", batch)
    told, chain = stepper._told(0), stepper.chains[0]
    return lambda: chain(told)


def transformer(batch: int) -> Callable[[], Tensor]:
    """The two dense layers of one block."""
    block, token = _stepper("transformer", batch).layers[0], torch.randn(batch, 128)
    return lambda: block.narrow(torch.nn.functional.gelu(block.widen(block.block.dense_norm(token)))) + token


def nade(batch: int) -> Callable[[], Tensor]:
    """The running sum and the readout."""
    stepper, features = _stepper("nade", batch), torch.ones(batch, 1)

    def work() -> Tensor:
        sums = torch.addmm(stepper.sums, features, stepper.columns[0])
        return torch.addmm(stepper.biases[1], sums.sigmoid(), stepper.readouts[1])

    return work


def _stepper(spec: str, batch: int):
    model = build((1, 28, 28), "raster", "bernoulli", spec).eval()
    stepper = model.generation(batch).stepper
    stepper.step(None)
    return stepper


def _often(work: Callable[[], Tensor]) -> Callable[[], None]:
    def times() -> None:
        for _ in range(MANY):
            work()

    return times


def main(rounds: int) -> None:
    """Compare each part as it is with its compiled form."""
    for part in (pixelcnn, gated_pixelcnn, transformer, nade):
        for batch in BATCHES:
            torch._dynamo.reset()
            with torch.inference_mode():
                work = part(batch)
                steps = {"as it is": _often(work), "compiled": _often(torch.compile(work, dynamic=False))}
                seconds = interleaved(steps, rounds=rounds)
            print(f"{part.__name__}, batch {batch}, {MANY} times:", report(seconds, over="as it is"), sep="\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
