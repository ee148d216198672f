"""The stepper of a batch: the backbone's own, the whole network at every step, or one per distinct order."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tensorar.backbone import Backbone, CausalBackbone, EvidenceBackbone
from tensorar.conditionals import queried_conditionals
from tensorar.generation.candidates import candidate_stepper
from tensorar.generation.visits import AdaptiveVisits, Visits
from tensorar.stepper import CachedStepper, Stepper


def make_stepper(
    backbone: Backbone,
    visits: Visits,
    batch: int,
    context: Float[Tensor, "batch context"] | None,
    *,
    cached: bool = True,
) -> Stepper:
    """The fastest stepper of a backbone for these orders; with ``cached=False`` the whole network at every step.

    Raises ``ShapeError`` for an order that the backbone does not take.
    """
    if isinstance(visits, AdaptiveVisits):
        return candidate_stepper(backbone, visits.orders[0], batch, context)
    if isinstance(backbone, EvidenceBackbone) or visits.members is None:
        return _of_one_order(backbone, visits, batch, context, cached)
    return SteppersByOrder(backbone, visits, context, cached)


def _of_one_order(backbone: Backbone, visits: Visits, batch: int, context: Tensor | None, cached: bool) -> Stepper:
    if cached and isinstance(backbone, CausalBackbone):
        stepper = backbone.stepper(visits.orders[0], batch, context)
        if stepper is not None:
            return stepper
    return PrefixStepper(backbone, visits, batch, context)


class PrefixStepper(CachedStepper):
    """The naive stepper of any backbone: holds what is known so far, and calls the whole network for its parameters."""

    visits: Visits

    def __init__(self, backbone: Backbone, visits: Visits, batch: int, context: Tensor | None = None) -> None:
        self.visits, self.passes = visits, 0
        super().__init__(backbone, visits.orders[0], batch, context)

    def begin(self) -> None:
        """Start with no known coefficients."""
        like = next(iter(self.backbone.parameters()), torch.empty((), device=self.visits.table.device))
        shape = (self.batch, len(self.visits), self.backbone.signature.feature_count)
        self.features = torch.zeros(shape, dtype=like.dtype, device=like.device)
        self.mask = torch.zeros(shape[:2], dtype=torch.bool, device=like.device)
        self.examples = torch.arange(self.batch, device=like.device)

    def state(self) -> dict[str, Tensor]:
        """The known features and their mask."""
        return {"features": self.features, "mask": self.mask}

    def advance(self, features: Tensor | None, t: int) -> Tensor:
        """One pass of the network over what is known."""
        self.observe(features, t)
        return self.parameters(t)

    def skip(self, features: Tensor | None) -> None:
        """Take in the last coefficient without a pass of the network."""
        self.observe(features, self.t)
        self.t += 1

    def select(self, rows: Int[Tensor, " selected"]) -> None:
        """Keep these examples, in this order, repeats allowed."""
        self.visits = self.visits.select(rows)
        super().select(rows)

    def observe(self, features: Float[Tensor, "batch features"] | None, t: int) -> None:
        """Take in the features of the coefficient visited at step ``t - 1``."""
        if features is not None:
            last = self.visits.coefficient(t - 1)
            rows: Any = slice(None) if isinstance(last, int) else self.examples
            self.features[rows, last], self.mask[rows, last] = features, True

    def parameters(self, t: int, rows: Int[Tensor, " some"] | None = None) -> Float[Tensor, "some parameters"]:
        """The parameters of the coefficient visited at step ``t``, for some examples (None: all)."""
        self.passes += 1
        some: Any = slice(None) if rows is None else rows
        features, mask = self.features[some], self.mask[some]
        query = self.visits.columns[t].expand(self.batch)[some].unsqueeze(1)
        context = None if self.context is None else self.context[some]
        shape = (len(features), *self.order.event_shape)
        features, mask = features.reshape(*shape, features.shape[-1]), mask.reshape(shape)
        return queried_conditionals(self.backbone, features, mask, query, self.order, context)[:, 0]


class SteppersByOrder(Stepper):
    """A causal backbone in a batch whose examples follow different orders: a stepper for each distinct order."""

    def __init__(self, backbone: Backbone, visits: Visits, context: Tensor | None, cached: bool) -> None:
        assert visits.members is not None
        self.backbone, self.members = backbone, visits.members
        self.groups = [(self.members == k).nonzero()[:, 0] for k in range(len(visits.orders))]
        self.steppers = [
            _of_one_order(backbone, Visits([order]), len(rows), None if context is None else context[rows], cached)
            for order, rows in zip(visits.orders, self.groups, strict=True)
        ]

    def step(self, features: Float[Tensor, "batch features"] | None) -> Float[Tensor, "batch parameters"]:
        """The parameters of the coefficient that each example visits next."""
        parts = [
            stepper.step(None if features is None else features[rows])
            for stepper, rows in zip(self.steppers, self.groups, strict=True)
        ]
        like = next(iter(self.backbone.parameters()), torch.empty((), device=self.members.device))
        parameters = like.new_empty(len(self.members), self.backbone.signature.parameter_count)
        for rows, part in zip(self.groups, parts, strict=True):
            parameters[rows] = part
        return parameters

    def skip(self, features: Float[Tensor, "batch features"] | None) -> None:
        """Take in the last coefficient without its parameters."""
        for stepper, rows in zip(self.steppers, self.groups, strict=True):
            stepper.skip(None if features is None else features[rows])

    def prefill(self, features: Float[Tensor, "batch steps features"]) -> None:
        """Take in the first coefficients of each example's order."""
        for stepper, rows in zip(self.steppers, self.groups, strict=True):
            stepper.prefill(features[rows])

    def select(self, rows: Int[Tensor, " selected"]) -> None:
        """Keep these examples, in this order, repeats allowed."""
        place = torch.empty_like(self.members)
        for group in self.groups:
            place[group] = torch.arange(len(group), device=place.device)
        members = self.members[rows]
        # networks need not support empty batches, so steppers without examples are dropped
        orders, inverse = members.unique(return_inverse=True)
        groups = [(members == k).nonzero()[:, 0] for k in orders]
        steppers = [self.steppers[k] for k in orders.tolist()]
        for stepper, group in zip(steppers, groups, strict=True):
            stepper.select(place[rows[group]])
        self.members, self.groups, self.steppers = inverse, groups, steppers

    def reset(self) -> None:
        """Start over, with the weights as they are now."""
        for stepper in self.steppers:
            stepper.reset()

    def state(self) -> dict[str, Tensor]:
        """The tensors of all steppers, each with the examples of its order."""
        held = [stepper.state() for stepper in self.steppers]
        return {f"{k}/{name}": tensor for k, state in enumerate(held) for name, tensor in state.items()}
