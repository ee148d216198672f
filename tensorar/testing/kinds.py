"""The kind of a part, and which shapes and orders it takes."""

from __future__ import annotations

from tensorar.backbone import Backbone, CausalBackbone, EvidenceBackbone, Signature
from tensorar.dataset import Dataset
from tensorar.errors import ShapeError, SpecError
from tensorar.head import Head
from tensorar.model import AutoregressiveModel
from tensorar.order import Order
from tensorar.ordering import Ordering
from tensorar.raster_adapter import network_signature

Shape = tuple[int, ...]

KINDS: dict[type, str] = {
    Ordering: "ordering",
    Head: "head",
    Backbone: "backbone",
    Dataset: "dataset",
    AutoregressiveModel: "model",
}


def kind_of(part: type) -> str:
    """The kind of a class of parts or models. Raises ``SpecError`` for anything else."""
    found = [kind for base, kind in KINDS.items() if isinstance(part, type) and issubclass(part, base)]
    if not found:
        raise SpecError(
            expected="a class of ordering, head, backbone, dataset or model",
            got=repr(part),
            remedy="pass the class itself, not an instance or a name",
        )
    return found[0]


def is_causal(part: type) -> bool:
    """Whether a class is a causal backbone."""
    return issubclass(part, CausalBackbone)


def is_evidential(part: type) -> bool:
    """Whether a class is an evidence backbone."""
    return issubclass(part, EvidenceBackbone)


def takes_any_order(part: type[Backbone]) -> bool:
    """Whether a backbone declares that it takes every order."""
    return part.orders == "any"


def takes_raster(backbone: type[Backbone], shape: Shape) -> bool:
    """Whether a backbone takes events of a shape in raster order."""
    return takes(backbone, shape, (Order.raster(shape),))


def takes(backbone: type[Backbone], shape: Shape, orders: tuple[Order, ...]) -> bool:
    """Whether a backbone takes events of a shape in these orders (none: in every order)."""
    try:
        network_signature(backbone, Signature(shape, 1, 1, orders=orders))
    except ShapeError:
        return False
    return True


def ordering_takes(ordering: Ordering, shape: Shape) -> bool:
    """Whether an ordering takes events of a shape."""
    try:
        ordering.visits(shape)
    except ShapeError:
        return False
    return True
