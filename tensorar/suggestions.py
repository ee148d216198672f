"""Suggestions: the heads, backbone and ordering that suit given data, in the order in which plugins list them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from tensorar.axes import MAX_CHANNELS, AxisNames
from tensorar.backbone import EvidenceBackbone
from tensorar.dataset import Dataset
from tensorar.errors import ShapeError, TensorarError
from tensorar.head import Head
from tensorar.missing import fill_missing
from tensorar.parts.registry import Registry, default_registry
from tensorar.parts.spec import PartSpec
from tensorar.value_checks import default_value_dtype

# smaller images need no network of their own
MIN_IMAGE_SIZE = 8


def suggest_heads(data: Tensor | Dataset, *, registry: Registry | None = None) -> list[PartSpec]:
    """The installed heads that accept events ``(n, *event)``, or all splits of a dataset, best first.

    A dataset may name its head itself (``Dataset.suggested_head``). For a dataset of images, heads that suit images
    come first (``Head.image_options``). Integer options, such as the number of levels, are the largest of all splits.
    Numbers that a head takes from the data, such as a scale, are found when it is made (``Head.for_data``).

    >>> import torch
    >>> print(*suggest_heads(torch.tensor([[0, 1], [1, 3]]))[:2])
    categorical:levels=4 logistic_mixture:levels=4
    """
    if isinstance(data, Dataset) and data.suggested_head is not None:
        return [PartSpec.parse(data.suggested_head)]
    heads = [registered.part for registered in (registry or default_registry()).parts("head").values()]
    splits = _samples(data) if isinstance(data, Dataset) else [data]
    if isinstance(data, Dataset) and data.missing:
        splits = [fill_missing(split) for split in splits]
    images = isinstance(data, Dataset) and is_image(data.event_shape, data.axis_names)
    offers = [(head, head.image_options) for head in heads] if images else []
    offers += [(head, head.options_for) for head in heads]
    found: dict[str, dict[str, Any]] = {}
    for head, offer in offers:
        if head.name not in found and (options := _options(head, offer, splits)) is not None:
            found[head.name] = options
    return [PartSpec(name, options) for name, options in found.items()]


def _samples(dataset: Dataset) -> list[Tensor]:
    return [dataset.sampled.train, dataset.sampled.valid, dataset.sampled.test]


def _options(
    head: type[Head], offer: Callable[[Tensor], dict[str, Any] | None], splits: Sequence[Tensor]
) -> dict[str, Any] | None:
    """The options with which a head accepts all splits: those for the first, integers as large as any needs."""
    offers = [offer(split) for split in splits]
    first = offers[0]
    if first is None:
        return None
    merged = {
        name: max(some[name] for some in offers if some is not None and name in some) if type(value) is int else value
        for name, value in first.items()
    }
    # a small split may hold too few values to suggest the same by itself
    unlike = [offer is None or offer.keys() != first.keys() for offer in offers]
    undecided = [split for split, other in zip(splits, unlike, strict=True) if other]
    return merged if not undecided or _accepts(head, merged, splits, undecided) else None


def _accepts(head: type[Head], options: dict[str, Any], splits: Sequence[Tensor], some: Sequence[Tensor]) -> bool:
    try:
        made = head(**options).for_data(*splits)
        for split in some:
            made.check(split, dtype=default_value_dtype())
    except TensorarError:
        return False
    return True


def suggest_backbone(
    event_shape: tuple[int, ...],
    head: Head,
    *,
    axes: AxisNames = (),
    missing: bool = False,
    registry: Registry | None = None,
) -> PartSpec:
    """The first installed backbone that suits events of a shape and a head. Raises ``ShapeError`` if there is none.

    If ``axes`` are those of images, it is one for images, sized for this machine. For events with ``missing`` values it
    is one that takes any evidence: all patterns of them cost one pass together.

    >>> head = default_registry().create("head", "bernoulli")
    >>> print(suggest_backbone((1, 28, 28), head))
    nade
    """
    if not missing and (image := suggest_for_images(event_shape, head, axes, registry=registry)) is not None:
        return image[0]
    for registered in (registry or default_registry()).parts("backbone").values():
        options = registered.part.options_for(event_shape, head)
        if options is not None and (not missing or issubclass(registered.part, EvidenceBackbone)):
            return PartSpec(registered.part.name, options)
    raise ShapeError(
        expected="a shape and a head for which an installed backbone is suggested",
        got=f"{event_shape} and {head.name!r}",
        remedy="choose one with `backbone`",
    )


def is_image(event_shape: tuple[int, ...], axes: AxisNames) -> bool:
    """Whether axes are those of images: height and width, not small, and beside them only channels, at most four."""
    sizes = {name: size for name, size in zip(axes, event_shape, strict=False) if size > 1}
    pixels = [sizes.pop(name, 1) for name in ("height", "width")]
    return min(pixels) >= MIN_IMAGE_SIZE and sizes.pop("channel", 1) <= MAX_CHANNELS and not sizes


def suggest_for_images(
    event_shape: tuple[int, ...], head: Head, axes: AxisNames, *, registry: Registry | None = None
) -> tuple[PartSpec, str] | None:
    """The first installed backbone for images, sized for this machine, and why; None if the axes are not of images.

    Images have height and width of at least ``MIN_IMAGE_SIZE``, and beside them only channels, at most four.

    >>> head = default_registry().create("head", "bernoulli")
    >>> suggest_for_images((28, 28), head, ("height", "width"))[0].name
    'gated_pixelcnn'
    """
    if not is_image(event_shape, axes):
        return None
    for registered in (registry or default_registry()).parts("backbone").values():
        if (found := registered.part.image_options(event_shape, head)) is not None:
            options, reason = found
            return PartSpec(registered.part.name, options), reason
    return None


def suggest_ordering(
    backbone: PartSpec,
    *,
    event_shape: tuple[int, ...] = (),
    axes: AxisNames = (),
    missing: bool = False,
    registry: Registry | None = None,
) -> PartSpec:
    """The ordering that a backbone prefers, which may be another one for images (events with the ``axes`` of images).

    For events with ``missing`` values it is one that draws all orders, if possible.

    >>> print(suggest_ordering(PartSpec("made")), suggest_ordering(PartSpec("made"), missing=True))
    raster shuffled
    >>> print(suggest_ordering(PartSpec("made"), event_shape=(28, 28), axes=("height", "width")))
    random
    """
    registry = registry or default_registry()
    part = registry.find("backbone", backbone.name).part
    uniform = [name for name, registered in registry.parts("ordering").items() if registered.part.uniform]
    if missing and uniform and part.orders == "any":
        return PartSpec(uniform[0])
    image = part.image_ordering if is_image(event_shape, axes) else None
    return PartSpec.parse(image or part.preferred_ordering)
