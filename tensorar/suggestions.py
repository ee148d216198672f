"""Suggestions: the heads, backbone and ordering that suit given data, in the order in which plugins list them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from tensorar.dataset import Dataset
from tensorar.errors import ShapeError
from tensorar.head import Head, default_value_dtype
from tensorar.parts.registry import Registry, default_registry
from tensorar.parts.spec import PartSpec


def suggest_heads(data: Tensor | Dataset, *, registry: Registry | None = None) -> list[PartSpec]:
    """The installed heads that accept events ``(n, *event)``, or all splits of a dataset, best first.

    A dataset may name its head itself (``Dataset.suggested_head``). Options that depend on the data, such as a scale,
    come from the training split; integers, such as the number of levels, are the largest of all splits.

    >>> import torch
    >>> print(*suggest_heads(torch.tensor([[0, 1], [1, 3]]))[:2])
    categorical:levels=4 logistic_mixture:levels=4
    """
    if isinstance(data, Dataset) and data.suggested_head is not None:
        return [PartSpec.parse(data.suggested_head)]
    heads = [registered.part for registered in (registry or default_registry()).parts("head").values()]
    splits = (data.train, data.valid, data.test) if isinstance(data, Dataset) else (data,)
    offers = [_offers(heads, split) for split in splits]
    return [
        PartSpec(head.name, _merge([offer[head.name] for offer in offers]))
        for head in heads
        if all(head.name in offer for offer in offers)
    ]


def _offers(heads: Sequence[type[Head]], values: Tensor) -> dict[str, dict[str, Any]]:
    """The options of each head that accepts the values, by its name."""
    # as the model will round them, since rounding may move values out of the support
    values = values.to(default_value_dtype()) if values.is_floating_point() else values
    options = {head.name: head.options_for(values) for head in heads}
    return {name: found for name, found in options.items() if found is not None}


def _merge(options: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The options for the first split, but with the largest value over all splits for integers."""
    return {
        name: max(some[name] for some in options if name in some) if type(value) is int else value
        for name, value in options[0].items()
    }


def suggest_backbone(event_shape: tuple[int, ...], head: Head, *, registry: Registry | None = None) -> PartSpec:
    """The first installed backbone that suits events of a shape and a head. Raises ``ShapeError`` if there is none.

    >>> head = default_registry().create("head", "bernoulli")
    >>> print(suggest_backbone((1, 28, 28), head))
    fvsbn
    """
    for registered in (registry or default_registry()).parts("backbone").values():
        options = registered.part.options_for(event_shape, head)
        if options is not None:
            return PartSpec(registered.part.name, options)
    raise ShapeError(
        expected="a shape and a head for which an installed backbone is suggested",
        got=f"{event_shape} and {head.name!r}",
        remedy="choose one with `backbone`",
    )


def suggest_ordering(backbone: PartSpec, *, registry: Registry | None = None) -> PartSpec:
    """The ordering that a backbone prefers."""
    part = (registry or default_registry()).find("backbone", backbone.name).part
    return PartSpec.parse(part.preferred_ordering)
