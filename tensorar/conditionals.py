"""The two derivations: all conditionals from an evidence backbone, queried ones from a causal backbone."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tensorar.backbone import Backbone, CausalBackbone, EvidenceBackbone
from tensorar.errors import ShapeError
from tensorar.order import Order, RasterView
from tensorar.stepper import CachedStepper, Stepper
from tensorar.utils.shapes import flatten_events

# evidences that an evidence backbone sees in one call; bounds memory, hardly changes speed
MAX_PREFIXES_PER_CALL = 512


def all_conditionals(
    backbone: Backbone,
    features: Float[Tensor, "batch *event features"],
    order: Order,
    context: Float[Tensor, "batch context"] | None = None,
) -> Float[Tensor, "batch *event parameters"]:
    """Parameters of all ``N`` conditionals of complete tensors: one causal pass, or the ``N`` prefixes in chunks.

    A NaN feature means that the value is not known: what comes before it in the order is exact, what comes after is
    NaN.
    """
    if not len(features):
        return features.new_zeros(*features.shape[:-1], backbone.signature.parameter_count)
    known = features.isfinite().all(-1)
    # weights masked out are zeros, and zero times NaN is NaN: without this a NaN would spread against the order
    features = torch.where(known.unsqueeze(-1), features, 0.0)
    parameters = _complete(backbone, features, order, context)
    if torch.compiler.is_compiling() or known.all():
        return parameters
    first_unknown = flatten_events(torch.where(known, len(order), order.rank)).amin(1)
    exact = order.mask_before(first_unknown + 1)
    return torch.where(exact.unsqueeze(-1), parameters, torch.nan)


def queried_conditionals(
    backbone: Backbone,
    features: Float[Tensor, "batch *event features"],
    mask: Bool[Tensor, "batch *event"],
    query: Int[Tensor, "batch queries"],
    order: Order,
    context: Float[Tensor, "batch context"] | None = None,
) -> Float[Tensor, "batch queries parameters"]:
    """Parameters of the queried coefficients given the evidence of ``mask``.

    A causal backbone answers for what ``order`` shows each queried coefficient, so the caller sees to it that these
    coefficients are the known ones.
    """
    if not len(features):
        return features.new_zeros(*query.shape, backbone.signature.parameter_count)
    features = torch.where(mask.unsqueeze(-1), features, 0.0)
    if isinstance(backbone, EvidenceBackbone):
        answer: Tensor = backbone(features, mask, query, context)
        return answer
    parameters = all_conditionals(backbone, features, order, context)
    everything = parameters.reshape(len(parameters), len(order), parameters.shape[-1])
    return everything.take_along_dim(query.unsqueeze(-1), dim=1)


def stepper_of(
    backbone: CausalBackbone, order: Order, batch: int, context: Float[Tensor, "batch context"] | None = None
) -> Stepper:
    """The backbone's stepper for an order, which a backbone that knows raster orders only is shown as one of those.

    Raises ``ShapeError`` for an order that it does not take.
    """
    if backbone.orders == "raster":
        shape = _raster_view(backbone, order).event_shape(order.event_shape)
        order = Order.raster(shape).to(order.visits.device)
    return backbone.stepper(order, batch, context) or RecomputingStepper(backbone, order, batch, context)


def _complete(backbone: Backbone, features: Tensor, order: Order, context: Tensor | None) -> Tensor:
    if isinstance(backbone, CausalBackbone):
        return _seen_as_raster(backbone, features, order, context)
    assert isinstance(backbone, EvidenceBackbone)
    return _prefixes(backbone, features, order, context)


def _seen_as_raster(backbone: CausalBackbone, features: Tensor, order: Order, context: Tensor | None) -> Tensor:
    answer: Tensor
    if backbone.orders == "any":
        answer = backbone(features, order, context)
        return answer
    view = _raster_view(backbone, order)
    seen = view.apply(features)
    answer = backbone(seen, Order.raster(tuple(seen.shape[1:-1])).to(features.device), context)
    return view.undo(answer)


def _raster_view(backbone: CausalBackbone, order: Order) -> RasterView:
    view = order.raster_view
    if view is None or view.event_shape(order.event_shape) != backbone.signature.event_shape:
        # not the model's own order, which Backbone.adapt has checked
        raise ShapeError(
            expected=f"a raster order, up to flips, of {backbone.signature.event_shape} for {backbone.name!r}",
            got="another order",
            remedy="leave the order out, or build the model with that order",
        )
    return view


def _prefixes(backbone: EvidenceBackbone, features: Tensor, order: Order, context: Tensor | None) -> Tensor:
    batch, steps = len(features), len(order)
    answers = []
    for pairs in torch.arange(batch * steps, device=features.device).split(MAX_PREFIXES_PER_CALL):
        example, t = pairs // steps, pairs % steps
        mask = order.mask_before(t)
        seen = torch.where(mask.unsqueeze(-1), features[example], 0.0)
        query = order.visits[t].unsqueeze(1)
        answers.append(backbone(seen, mask, query, None if context is None else context[example]).squeeze(1))
    by_step = torch.cat(answers).unflatten(0, (batch, steps))
    by_coefficient: Tensor = by_step[:, order.rank.flatten()]
    return by_coefficient.reshape(batch, *order.event_shape, by_step.shape[-1])


class RecomputingStepper(CachedStepper):
    """A stepper for any causal backbone: a whole forward pass for every step."""

    def begin(self) -> None:
        """Make room for the features of the whole batch."""
        like = next(iter(self.backbone.parameters()), torch.empty(()))
        shape = (self.batch, len(self.order), self.backbone.signature.feature_count)
        self.features = torch.zeros(shape, dtype=like.dtype, device=like.device)
        self.visits = self.order.visits.tolist()

    def advance(self, features: Tensor | None, t: int) -> Tensor:
        """One pass of the network over what is known so far."""
        if features is not None:
            self.features[:, self.visits[t - 1]] = features
        events = self.features.reshape(self.batch, *self.order.event_shape, -1)
        parameters: Tensor = self.backbone(events, self.order, self.context)
        return parameters.reshape(self.batch, len(self.visits), -1)[:, self.visits[t]]

    def state(self) -> dict[str, Tensor]:
        """The features so far."""
        return {"features": self.features}
