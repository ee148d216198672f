"""Adaptive orders: the predictions for all unknown coefficients, and the choice of the next one."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tensorar.backbone import Backbone, CausalBackbone, EvidenceBackbone
from tensorar.conditionals import MAX_PREFIXES_PER_CALL, queried_conditionals
from tensorar.errors import PluginError, SpecError
from tensorar.evidence import Evidence
from tensorar.factorization import Factorization
from tensorar.order import Order
from tensorar.stepper import CandidateStepper
from tensorar.utils.shapes import flatten_events


def candidate_stepper(
    backbone: Backbone, order: Order, batch: int, context: Float[Tensor, "batch context"] | None
) -> CandidateStepper:
    """The stepper of a backbone for adaptive orders. Raises ``SpecError`` if it takes none."""
    if isinstance(backbone, EvidenceBackbone):
        return QueryStepper(backbone, order, batch, context)
    stepper = backbone.candidate_stepper(order, batch, context) if isinstance(backbone, CausalBackbone) else None
    if stepper is None:
        raise unsupported(type(backbone))
    return stepper


def takes_adaptive_orders(kind: type[Backbone]) -> bool:
    """Whether a backbone can predict every unknown coefficient at every step."""
    if issubclass(kind, CausalBackbone):
        return kind.candidate_stepper is not CausalBackbone.candidate_stepper
    return issubclass(kind, EvidenceBackbone)


def unsupported(
    kind: type[Backbone], remedy: str = "use one that takes any evidence, or an ordering that is not adaptive"
) -> SpecError:
    """The error for a backbone that takes no adaptive orders."""
    return SpecError(
        expected="a backbone that predicts any unknown coefficient next, for an adaptive ordering",
        got=repr(kind.name),
        remedy=remedy,
    )


class QueryStepper(CandidateStepper):
    """The candidate stepper of an evidence backbone: holds what is known, and queries all that is unknown.

    A dense network takes one pass a step; any other one evaluation for each unknown coefficient, in chunks.
    """

    backbone: EvidenceBackbone

    def begin(self) -> None:
        """Start with no known coefficients."""
        super().begin()
        like = next(iter(self.backbone.parameters()), torch.empty((), device=self.order.device))
        shape = (self.batch, len(self.order), self.backbone.signature.feature_count)
        self.features = torch.zeros(shape, dtype=like.dtype, device=like.device)
        self.examples = torch.arange(self.batch, device=like.device)

    def state(self) -> dict[str, Tensor]:
        """What is known, and which coefficient was visited last."""
        return {**super().state(), "features": self.features}

    def observe(self, features: Float[Tensor, "batch features"]) -> None:
        """Keep the features of the coefficient visited last."""
        self.features[self.examples, self.last] = features

    def candidates(self, unknown: Int[Tensor, "batch unknown"], t: int) -> Float[Tensor, "batch unknown parameters"]:
        """The parameters of all unknown coefficients."""
        shape = (self.batch, *self.order.event_shape)
        known, mask = self.features.reshape(*shape, self.features.shape[-1]), self.visited.reshape(shape)
        size = unknown.shape[1] if self.backbone.dense else max(1, MAX_PREFIXES_PER_CALL // max(self.batch, 1))
        parts = [
            queried_conditionals(self.backbone, known, mask, query, self.order, self.context)
            for query in unknown.split(size, dim=1)
        ]
        return torch.cat(parts, 1)


def choose_next(
    model: Factorization, evidence: Evidence, parameters: Float[Tensor, "batch n parameters"]
) -> Int[Tensor, " batch"]:
    """The coefficient that each example visits next, given evidence and parameters in standard values.

    Raises ``PluginError`` for a choice that is not an unknown coefficient of each example.
    """
    predicted = model.distribution(parameters.reshape(*evidence.mask.shape, parameters.shape[-1]))
    index = model.ordering.next(evidence, predicted)
    known = flatten_events(evidence.mask)
    if not _chooses_unknown(index, known):
        raise PluginError(
            expected=f"{type(model.ordering).__name__}.next to return the index of an unknown coefficient per example",
            got=f"{index.dtype} of shape {tuple(index.shape)}: {index.flatten()[:5].tolist()}",
            remedy="choose among the coefficients where evidence.mask is False",
        )
    return index


def _chooses_unknown(index: Tensor, known: Tensor) -> bool:
    if index.dtype != torch.long or tuple(index.shape) != (len(known),):
        return False
    inside = (index >= 0) & (index < known.shape[1])
    return bool(inside.all()) and not bool(known.gather(1, index.unsqueeze(1)).any())
