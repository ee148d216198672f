"""The exponential moving average of the weights."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from tensorar.model import AutoregressiveModel


def averaged(model: AutoregressiveModel, decay: float) -> AveragedModel:
    """A copy of the model whose ``update_parameters`` follows it; the decay grows to its value from a short memory.

    Early on the average spans about the last tenth of the steps, so that it is of use from the first evaluation.
    """

    def follow(averages: Sequence[Tensor], currents: Sequence[Tensor], count: Tensor | int) -> None:
        # a GPU is waited for wherever a number is read
        steps = int(count)
        weight = 1 - min(decay, (1 + steps) / (10 + steps))
        for average, current in zip(averages, currents, strict=True):
            average.lerp_(current, weight)

    return AveragedModel(model, multi_avg_fn=follow)
