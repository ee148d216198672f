"""Steppers: the conditionals of a causal backbone one at a time, as sampling asks for them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

if TYPE_CHECKING:
    from tensorar.backbone import CausalBackbone
    from tensorar.order import Order


class Stepper(ABC):
    """Walks through one order with one batch: shown the coefficient just visited, it tells the next one's parameters.

    An activation at a position depends only on what is visited before it, so a stepper need compute each activation
    once: a whole batch of samples then costs about the arithmetic of one forward pass. It holds what it has computed
    for its batch, and serves for one walk.
    """

    @abstractmethod
    def step(self, features: Float[Tensor, "batch features"] | None) -> Float[Tensor, "batch parameters"]:
        """The parameters of the coefficient visited next, given the features of the one just visited (first: None)."""


class Recomputing(Stepper):
    """What a backbone without a stepper of its own gets: a whole forward pass for every step."""

    def __init__(self, backbone: CausalBackbone, order: Order, batch: int, context: Tensor | None) -> None:
        self.backbone, self.order, self.context = backbone, order, context
        self.visits, self.t = order.visits.tolist(), 0
        like = next(iter(backbone.parameters()), torch.empty(()))
        shape = (batch, len(order), backbone.signature.feature_count)
        self.features = torch.zeros(shape, dtype=like.dtype, device=like.device)

    def step(self, features: Tensor | None) -> Tensor:
        """One pass of the network over what is known so far."""
        if features is not None:
            self.features[:, self.visits[self.t - 1]] = features
        events = self.features.reshape(len(self.features), *self.order.event_shape, -1)
        parameters: Tensor = self.backbone(events, self.order, self.context)
        self.t += 1
        return parameters.reshape(len(events), len(self.visits), -1)[:, self.visits[self.t - 1]]
