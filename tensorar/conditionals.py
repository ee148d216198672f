"""The two derivations: all conditionals from an evidence backbone, queried ones from a causal backbone."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tensorar.backbone import Backbone, CausalBackbone, EvidenceBackbone
from tensorar.order import Order
from tensorar.utils.shapes import flatten_events

# bounds memory, hardly changes speed
MAX_PREFIXES_PER_CALL = 512


def all_conditionals(
    backbone: Backbone,
    features: Float[Tensor, "batch *event features"],
    order: Order,
    context: Float[Tensor, "batch context"] | None = None,
    *,
    checked: bool = False,
) -> Float[Tensor, "batch *event parameters"]:
    """Parameters of all ``N`` conditionals of complete events: one causal pass, or the ``N`` prefixes in chunks.

    A NaN feature marks an unknown value: parameters up to it in the order are exact, those after it NaN. Features that
    are ``checked``, those of values that have a probability, are not looked at.
    """
    if not features.shape[0]:
        return features.new_zeros(*features.shape[:-1], backbone.signature.parameter_count)
    # NaN and infinity spread to the sum, which is faster than a look at every value
    if checked or (not torch.compiler.is_compiling() and math.isfinite(features.detach().sum())):
        return _complete(backbone, features, order, context)
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

    A causal backbone conditions each queried coefficient on those before it in ``order``, so the caller must ensure
    that exactly these are known.
    """
    if not len(features):
        return features.new_zeros(*query.shape, backbone.signature.parameter_count)
    features = torch.where(mask.unsqueeze(-1), features, 0.0)
    if isinstance(backbone, EvidenceBackbone):
        parameters: Tensor = backbone(features, mask, query, context)
        return parameters
    complete = all_conditionals(backbone, features, order, context)
    everything = complete.reshape(len(complete), len(order), complete.shape[-1])
    return everything.take_along_dim(query.unsqueeze(-1), dim=1)


def _complete(backbone: Backbone, features: Tensor, order: Order, context: Tensor | None) -> Tensor:
    if isinstance(backbone, CausalBackbone):
        parameters: Tensor = backbone(features, order, context)
        return parameters
    assert isinstance(backbone, EvidenceBackbone)
    shared = backbone.conditionals(features, order, context)
    return _prefixes(backbone, features, order, context) if shared is None else shared


def _prefixes(backbone: EvidenceBackbone, features: Tensor, order: Order, context: Tensor | None) -> Tensor:
    batch, steps = len(features), len(order)
    parameters = []
    for pairs in torch.arange(batch * steps, device=features.device).split(MAX_PREFIXES_PER_CALL):
        example, t = pairs // steps, pairs % steps
        mask = order.mask_before(t)
        seen = torch.where(mask.unsqueeze(-1), features[example], 0.0)
        query = order.visits[t].unsqueeze(1)
        parameters.append(backbone(seen, mask, query, None if context is None else context[example]).squeeze(1))
    by_step = torch.cat(parameters).unflatten(0, (batch, steps))
    by_coefficient: Tensor = by_step[:, order.rank.flatten()]
    return by_coefficient.reshape(batch, *order.event_shape, by_step.shape[-1])
