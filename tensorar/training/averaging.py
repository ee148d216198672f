"""The exponential moving average of the weights."""

from __future__ import annotations

from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from tensorar.model import AutoregressiveModel


def averaged(model: AutoregressiveModel, decay: float) -> AveragedModel:
    """A copy of the model whose ``update_parameters`` follows it; the decay grows to its value from a short memory.

    Early on the average spans about the last tenth of the steps, so that it is of use from the first evaluation.
    """

    def follow(average: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        steps = int(count)
        return average.lerp(current, 1 - min(decay, (1 + steps) / (10 + steps)))

    return AveragedModel(model, avg_fn=follow)
