"""The exponential moving average of the weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from tensorar.model import AutoregressiveModel


def averaged(model: AutoregressiveModel, decay: float) -> AveragedModel:
    """A copy of the model whose ``update_parameters`` follows it; the decay grows to its value from a short memory.

    Early on the average spans about the last tenth of the steps, so that it is of use from the first evaluation.
    """
    return AveragedModel(model, multi_avg_fn=_follow(decay))


def _follow(decay: float) -> Callable[[Any, Any, Tensor | int], None]:
    def follow(average: Any, current: Any, count: Tensor | int) -> None:
        steps = int(count)
        torch._foreach_lerp_(list(average), list(current), 1 - min(decay, (1 + steps) / (10 + steps)))

    return follow
