"""What a class is a part of a model as, and which shapes and orders a part takes."""

from __future__ import annotations

from tensorar.backbone import Backbone, Signature
from tensorar.dataset import Dataset
from tensorar.errors import ShapeError, SpecError
from tensorar.head import Head
from tensorar.model import AutoregressiveModel
from tensorar.order import Order
from tensorar.ordering import Ordering
from tensorar.raster_adapter import network_signature

KINDS: dict[type, str] = {
    Ordering: "ordering",
    Head: "head",
    Backbone: "backbone",
    Dataset: "dataset",
    AutoregressiveModel: "model",
}


def kind_of(part: type) -> str:
    """What a class is a part of a model as. Raises ``SpecError`` for one that is none."""
    found = [kind for base, kind in KINDS.items() if isinstance(part, type) and issubclass(part, base)]
    if not found:
        raise SpecError(
            expected="a class of ordering, head, backbone, dataset or model",
            got=repr(part),
            remedy="give the class itself, not an object or a name",
        )
    return found[0]


def takes_raster(kind: type[Backbone], shape: tuple[int, ...]) -> bool:
    """Whether a backbone takes the raster order of a shape."""
    return takes(kind, shape, (Order.raster(shape),))


def takes(kind: type[Backbone], shape: tuple[int, ...], orders: tuple[Order, ...]) -> bool:
    """Whether a backbone says that it takes a shape with these orders (none: any may come)."""
    try:
        network_signature(kind, Signature(shape, 1, 1, orders=orders))
    except ShapeError:
        return False
    return True


def ordering_takes(ordering: Ordering, shape: tuple[int, ...]) -> bool:
    """Whether an ordering takes a shape."""
    try:
        ordering.visits(shape)
    except ShapeError:
        return False
    return True
