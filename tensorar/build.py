"""Models from part specs."""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Real
from torch import Tensor

from tensorar.backbone import Backbone, Signature
from tensorar.dataset import Dataset
from tensorar.errors import ShapeError, SpecError
from tensorar.evidence import Evidence
from tensorar.generation.candidates import takes_adaptive_orders, unsupported
from tensorar.head import Head
from tensorar.model import AutoregressiveModel
from tensorar.ordering import Ordering
from tensorar.parts.registry import Registry, default_registry
from tensorar.parts.spec import PartSpec
from tensorar.raster_adapter import adapted, network_signature
from tensorar.utils.allocation import AllocationGuard, require_room


def build(
    event_shape: tuple[int, ...],
    ordering: str | PartSpec | Ordering,
    head: str | PartSpec | Head,
    backbone: str | PartSpec,
    *,
    context_features: int = 0,
    augmentation_features: int = 0,
    data: Real[Tensor, "n *event"] | Dataset | None = None,
    registry: Registry | None = None,
) -> AutoregressiveModel:
    """Build a model from specs (or from part objects, for the ordering and the head).

    ``augmentation_features`` more numbers of a context say how an event was transformed (``Augmentation``). They may be
    left out: zeros, the event as it is.

    In ``data``, training events or a dataset, the head finds what it takes from the data: the location and the scale
    of each coefficient, for example. Without, real values are expected to be in standard units.

    Raises ``SpecError`` for an unknown part or option, ``ShapeError`` for parts that do not fit together, and
    ``TensorarError``, with the size, for a network that is larger than the memory.

    >>> model = build(event_shape=(1, 4, 4), ordering="raster", head="bernoulli", backbone="fvsbn")
    >>> model.sample(2).shape
    torch.Size([2, 1, 4, 4])
    """
    registry = registry or default_registry()
    event_shape = tuple(event_shape)
    if min(event_shape, default=1) < 1:
        raise ShapeError(
            expected="positive sizes in the event shape", got=str(event_shape), remedy="remove the empty axis"
        )
    made_ordering = ordering if isinstance(ordering, Ordering) else registry.create("ordering", ordering)
    made_head = head_for(head if isinstance(head, Head) else registry.create("head", head), data)
    signature = Signature(
        event_shape=event_shape,
        feature_count=made_head.feature_count,
        parameter_count=made_head.parameter_count,
        context_features=context_features + augmentation_features,
        orders=made_ordering.orders(event_shape),
        ordering=made_ordering.name,
        embeds_order=made_ordering.embedding,
        augmentation_features=augmentation_features,
        head=made_head,
    )
    spec = PartSpec.parse(backbone)
    kind: type[Backbone] = registry.find("backbone", spec.name).part
    if made_ordering.adaptive:
        _check_adaptive(made_ordering, made_head, kind, event_shape, registry)
    own = network_signature(kind, signature)
    what = f"the backbone {spec} with {own.parameter_count} outputs per coefficient"
    require_room(lambda options: kind(own, **options), registry.options("backbone", spec), what)
    with AllocationGuard(what):
        network = registry.create("backbone", spec, own)
    return AutoregressiveModel(event_shape, made_ordering, made_head, adapted(network, signature))


def reordered(
    model: AutoregressiveModel, ordering: str | PartSpec, *, registry: Registry | None = None
) -> AutoregressiveModel:
    """The same network under another ordering, in evaluation mode; the network must know all orders.

    Raises ``SpecError`` for a model that was not trained on random orders, or an ordering with an embedding.
    """
    registry = registry or default_registry()
    if not model.ordering.any_order:
        raise SpecError(
            expected="a model trained on random orders, for another `ordering`",
            got=f"one of the ordering {model.ordering.name!r}",
            remedy="train it with ordering=shuffled",
        )
    made: Ordering = registry.create("ordering", ordering)
    if made.embedding:
        raise SpecError(
            expected="an ordering without embedding=true, for a network that is trained already",
            got=repr(made.name),
            remedy="leave it out: the network has no embedding of the orders",
        )
    if made.adaptive:
        _check_adaptive(made, model.head, type(model.backbone), model.event_shape, registry)
    return AutoregressiveModel(model.event_shape, made, model.head, model.backbone).to(model.device).eval()


def _check_adaptive(
    ordering: Ordering, head: Head, kind: type[Backbone], event_shape: tuple[int, ...], registry: Registry
) -> None:
    """Raise ``SpecError`` for a head or a backbone that an adaptive ordering cannot use."""
    if not takes_adaptive_orders(kind):
        names = [name for name, one in registry.parts("backbone").items() if takes_adaptive_orders(one.part)]
        raise unsupported(kind, f"use one of {', '.join(names)}") if names else unsupported(kind)
    untrained = torch.zeros(1, *event_shape, head.parameter_count)
    coefficients = torch.arange(math.prod(event_shape)).reshape(event_shape)
    ordering.next(Evidence.none(1, event_shape), head.distribution(untrained, coefficients))


def head_for(head: Head, data: Real[Tensor, "n *event"] | Dataset | None) -> Head:
    """The head with what it takes from the data: training events, or all splits of a dataset."""
    if data is None:
        return head
    if not isinstance(data, Dataset):
        return head.for_data(data)
    return head.for_data(data.sampled.train, data.sampled.valid, data.sampled.test)


def make_backbone(kind: type[Backbone], signature: Signature, **options: Any) -> Backbone:
    """A backbone of a class for a signature, for any order that it takes. Raises ``ShapeError``."""
    return adapted(kind(network_signature(kind, signature), **options), signature)
