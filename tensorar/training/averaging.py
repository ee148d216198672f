"""Exponential moving average of the weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from tensorar.model import AutoregressiveModel


class Averages(AveragedModel):
    """An averaged copy of a model, updated by ``update_parameters(model)``; the decay is warmed up.

    Early on the average covers about the last tenth of the steps, which makes it useful from the first evaluation on.
    The update of torch's own class is the same, but looks for all modules in every step, and takes a loop over weights.
    """

    def __init__(self, model: AutoregressiveModel, decay: float) -> None:
        super().__init__(model)
        self.decay = decay
        self._averages: list[Tensor] = list(self.module.parameters())
        self._currents: list[Tensor] = list(model.parameters())
        self._buffers_of = [
            (mine._buffers, theirs._buffers)
            for mine, theirs in zip(self.module.modules(), model.modules(), strict=True)
            if theirs._buffers
        ]

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Move the averages towards the weights of the model that they were made for; buffers are copied."""
        # read the count once: every read of a number waits for the GPU
        steps = int(self.n_averaged)
        weight = 1 - min(self.decay, (1 + steps) / (10 + steps)) if steps else 1.0
        if self._averages:
            torch._foreach_lerp_(self._averages, self._currents, weight)
        for mine, theirs in self._buffers_of:
            for name, buffer in theirs.items():
                if buffer is not None and (own := mine[name]) is not None:
                    own.copy_(buffer)
        self.n_averaged.add_(1)
