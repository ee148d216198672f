"""Exponential moving average of the weights."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from tensorar.model import AutoregressiveModel


def averaged(model: AutoregressiveModel, decay: float) -> AveragedModel:
    """An averaged copy of the model, updated by ``update_parameters(model)``; the decay is warmed up.

    Early on the average covers about the last tenth of the steps, which makes it useful from the first evaluation on.
    """

    def follow(averages: Sequence[Tensor], currents: Sequence[Tensor], count: Tensor | int) -> None:
        # read the count once: every read of a number waits for the GPU
        steps = int(count)
        weight = 1 - min(decay, (1 + steps) / (10 + steps))
        for average, current in zip(averages, currents, strict=True):
            average.lerp_(current, weight)

    return AveragedModel(model, multi_avg_fn=follow)
