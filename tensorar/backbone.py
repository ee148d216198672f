"""Backbones: networks from evidence to the parameters of the heads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from tensorar.errors import ShapeError
from tensorar.head import Head
from tensorar.order import Order
from tensorar.parts.part import Part
from tensorar.stepper import Stepper


@dataclass(frozen=True)
class Signature:
    """What goes into a backbone and what must come out of it.

    ``orders`` are the visiting orders that can come, where they are few: one for a fixed ordering, several for an
    ensemble, none listed where any can come. ``order`` is the one there is, and None where it varies. ``axes`` tells
    a network that is shown its events permuted which axis of the data each of its axes is. ``ordering`` is the name of
    what the orders come from, for messages.
    """

    event_shape: tuple[int, ...]
    feature_count: int
    parameter_count: int
    context_features: int = 0
    orders: tuple[Order, ...] = ()
    axes: tuple[int, ...] | None = None
    ordering: str = ""

    @property
    def order(self) -> Order | None:
        """The visiting order, where it is always the same."""
        return self.orders[0] if len(self.orders) == 1 else None


class Backbone(nn.Module, Part, ABC):
    """A network made for a signature. Options are keyword-only arguments after it.

    What a backbone can take is declared as data, and checked before it is built: ``event_ranks`` (None: all; axes of
    size 1 do not count where ``ignores_unit_axes``) and ``orders`` (all, or for causal ones only those like raster).
    ``scans`` names what a training pass goes through one after the other (None: it is one parallel computation), and
    ``blind_spot`` says in words what of its past the network does not see (None: it sees everything).
    """

    event_ranks: ClassVar[frozenset[int] | None] = None
    ignores_unit_axes: ClassVar[bool] = False
    orders: ClassVar[Literal["any", "raster"]] = "any"
    sequential_over: ClassVar[str | None] = None
    blind_spot: ClassVar[str | None] = None
    # the spec of the ordering that is chosen by default
    preferred_ordering: ClassVar[str] = "raster"

    def __init__(self, signature: Signature) -> None:
        super().__init__()
        self.signature = signature

    def init_output_bias(self, marginal: Float[Tensor, "*event parameters"]) -> None:
        """Begin training with these parameters for each coefficient, whatever is seen (by default: anywhere)."""
        return

    @classmethod
    def options_for(cls, event_shape: tuple[int, ...], head: Head) -> dict[str, Any] | None:
        """Options suited to events of this shape and this head, or None if the backbone is not suggested for them.

        ``tensorar.suggest_backbone`` takes the first backbone, in the order in which plugins list them, that returns
        options.
        """
        return None

    @classmethod
    def adapted_signature(cls, signature: Signature) -> Signature:
        """The signature to build with. Raises ``ShapeError`` when the backbone takes no such shape or order."""
        cls._check_rank(signature.event_shape)
        return signature

    @classmethod
    def _check_rank(cls, event_shape: tuple[int, ...]) -> None:
        rank = sum(size > 1 for size in event_shape) if cls.ignores_unit_axes else len(event_shape)
        if cls.event_ranks is not None and rank not in cls.event_ranks:
            unit = " longer than 1" if cls.ignores_unit_axes else ""
            raise ShapeError(
                expected=f"an event with {' or '.join(map(str, sorted(cls.event_ranks)))} axes{unit}"
                f" for the backbone {cls.name!r}",
                got=f"shape {event_shape}",
                remedy="reshape the data, or choose another backbone (tensorar plugins list)",
            )


class CausalBackbone(Backbone):
    """A backbone that gives all conditionals of a complete tensor in one pass.

    ``orders`` says whether it takes every order, or only those that are the raster order up to flips and a permutation
    of the axes. The latter kind is shown every tensor flipped and permuted, and sees raster order only.
    """

    @classmethod
    def adapted_signature(cls, signature: Signature) -> Signature:
        """The signature to build with: seen through the raster view where the backbone knows only that order.

        Raises ``ShapeError`` when the backbone takes no such shape or order.
        """
        signature = super().adapted_signature(signature)
        if cls.orders == "any":
            return signature
        views = [order.raster_view for order in signature.orders]
        shapes = {None if view is None else view.event_shape(signature.event_shape) for view in views}
        shape = shapes.pop() if len(shapes) == 1 else None
        if shape is None:
            named = f"the ordering {signature.ordering!r}" if signature.ordering else "another order"
            differ = ", of orders that differ in more than flips" if shapes and None not in shapes else ""
            raise ShapeError(
                expected=f"a raster order up to flips and axis permutation for the backbone {cls.name!r}",
                got=named + differ,
                remedy="choose such an ordering, or another backbone (tensorar plugins list)",
            )
        axes = None if views[0] is None else views[0].axes
        return replace(signature, event_shape=shape, orders=(Order.raster(shape),), axes=axes)

    @abstractmethod
    def forward(
        self,
        features: Float[Tensor, "batch *event features"],
        order: Order,
        context: Float[Tensor, "batch context"] | None = None,
    ) -> Float[Tensor, "batch *event parameters"]:
        """Parameters of every coefficient, each from the features of the coefficients of lower rank only."""

    def stepper(
        self, order: Order, batch: int, context: Float[Tensor, "batch context"] | None = None
    ) -> Stepper | None:
        """A stepper that computes each activation once, or None (the default): sampling then recomputes everything.

        A backbone that overrides it is sampled from at about the cost of one forward pass; fixed-point iteration makes
        the others fast as well.
        """
        return None

    @property
    def has_stepper(self) -> bool:
        """Whether the backbone implements its own stepper."""
        return type(self).stepper is not CausalBackbone.stepper


class EvidenceBackbone(Backbone):
    """A backbone that gives the conditionals of chosen coefficients from any evidence.

    ``dense = True`` says that all conditionals of one evidence cost about as much as one, so that training may use
    them all.
    """

    dense: ClassVar[bool] = False

    @abstractmethod
    def forward(
        self,
        features: Float[Tensor, "batch *event features"],
        mask: Bool[Tensor, "batch *event"],
        query: Int[Tensor, "batch queries"],
        context: Float[Tensor, "batch context"] | None = None,
    ) -> Float[Tensor, "batch queries parameters"]:
        """Parameters of the queried coefficients (flat indices); ``features`` are zero where ``mask`` is False."""
