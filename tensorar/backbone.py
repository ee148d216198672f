"""Backbones: networks from evidence to the parameters of the heads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from tensorar.errors import ShapeError
from tensorar.head import Head
from tensorar.order import Order
from tensorar.parts.part import Part
from tensorar.stepper import CandidateStepper, Stepper


@dataclass(frozen=True)
class Signature:
    """The shapes and orders that a backbone is built for.

    ``orders``: the visiting orders that can occur, if they are few: one for a fixed ordering, several for an ensemble,
    none if any can occur; ``order`` is the only one, or None if it varies. ``axes``: which axis of the data each axis
    of the event is, for a network that receives permuted events. ``ordering``: the name of the ordering, for messages.
    ``head``: the head that the parameters are for, if it is known.
    ``embeds_order``: the network is to be told which of the orders it is in; it is built with a longer context.
    """

    event_shape: tuple[int, ...]
    feature_count: int
    parameter_count: int
    context_features: int = 0
    orders: tuple[Order, ...] = ()
    axes: tuple[int, ...] | None = None
    ordering: str = ""
    embeds_order: bool = False
    head: Head | None = None

    @property
    def order(self) -> Order | None:
        """The visiting order, or None if it varies."""
        return self.orders[0] if len(self.orders) == 1 else None


class Backbone(nn.Module, Part, ABC):
    """A network built for a signature. Options are keyword-only arguments after it.

    What a backbone takes is declared as data and checked before it is built: ``event_ranks`` (None: all; axes of size
    1 do not count if ``ignores_unit_axes``) and ``orders``. ``sequential_over`` names what a training pass computes one
    after another (None: it is one parallel computation). ``blind_spot`` describes which earlier coefficients the
    network ignores (None: it ignores none). ``preferred_ordering``, ``image_ordering`` and ``recommended`` are what is
    used where nothing else is asked for: an ordering, and training settings such as ``{"learning_rate": 3e-3}``.
    """

    kind = "backbone"
    event_ranks: ClassVar[frozenset[int] | None] = None
    ignores_unit_axes: ClassVar[bool] = False
    orders: ClassVar[Literal["any", "raster"]] = "any"
    sequential_over: ClassVar[str | None] = None
    blind_spot: ClassVar[str | None] = None
    # the spec of the ordering that is chosen by default, and of the one for images, if that is another
    preferred_ordering: ClassVar[str] = "raster"
    image_ordering: ClassVar[str | None] = None
    # the training settings that suit the network, by name; used where none are given
    recommended: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, signature: Signature) -> None:
        super().__init__()
        self.signature = signature

    def init_output_bias(self, marginal: Float[Tensor, "*event parameters"]) -> None:
        """Initialize the output bias to these parameters of each coefficient (default: no-op)."""
        return

    def init_from_features(self, features: Float[Tensor, "n *event features"], mask: Bool[Tensor, "n *event"]) -> None:
        """Initialize weights from the features of training events, zero where ``mask`` is False (default: no-op).

        It is called before ``init_output_bias``.
        """
        return

    @classmethod
    def options_for(cls, event_shape: tuple[int, ...], head: Head) -> dict[str, Any] | None:
        """Options suited to events of this shape and this head, or None if the backbone is not suggested for them.

        ``tensorar.suggest_backbone`` takes the first backbone, in the order in which plugins list them, that returns
        options.
        """
        return None

    @classmethod
    def image_options(cls, event_shape: tuple[int, ...], head: Head) -> tuple[dict[str, Any], str] | None:
        """Options suited to images of this shape on this machine and why, in words; None if not suggested for images.

        ``tensorar.suggest_backbone`` asks for them first, if the axes of events are those of images.
        """
        return None

    @classmethod
    def check_shape(cls, event_shape: tuple[int, ...]) -> None:
        """Raise ``ShapeError`` if the backbone takes no events of this shape."""
        rank = sum(size > 1 for size in event_shape) if cls.ignores_unit_axes else len(event_shape)
        if cls.event_ranks is not None and rank not in cls.event_ranks:
            unit = " longer than 1" if cls.ignores_unit_axes else ""
            raise ShapeError(
                expected=f"an event with {' or '.join(map(str, sorted(cls.event_ranks)))} axes{unit}"
                f" for the backbone {cls.name!r}",
                got=f"shape {event_shape}",
                remedy="reshape the data, or choose another backbone",
            )


class CausalBackbone(Backbone):
    """A backbone that returns all conditionals of a complete event in one pass.

    ``orders`` declares whether it takes every order, or raster order only. A network of the latter kind serves all
    orders that are raster up to flips and a permutation of the axes, through ``tensorar.raster_adapter``.
    """

    @abstractmethod
    def forward(
        self,
        features: Float[Tensor, "batch *event features"],
        order: Order,
        context: Float[Tensor, "batch context"] | None = None,
    ) -> Float[Tensor, "batch *event parameters"]:
        """Parameters of every coefficient, each a function of the features of lower rank only."""

    def stepper(
        self, order: Order, batch: int, context: Float[Tensor, "batch context"] | None = None
    ) -> Stepper | None:
        """A stepper that computes each activation once, or None (the default): sampling then recomputes everything.

        A backbone that overrides it is sampled from at about the cost of one forward pass; fixed-point iteration makes
        the others fast as well.
        """
        return None

    def candidate_stepper(
        self, order: Order, batch: int, context: Float[Tensor, "batch context"] | None = None
    ) -> CandidateStepper | None:
        """A stepper for adaptive orders, or None (the default): the network then takes none.

        ``order`` is any order of the events; coefficients are visited in another one, chosen step by step.
        """
        return None

    @property
    def has_stepper(self) -> bool:
        """Whether the backbone implements its own stepper."""
        return type(self).stepper is not CausalBackbone.stepper


class EvidenceBackbone(Backbone):
    """A backbone that returns the conditionals of queried coefficients given any evidence.

    ``dense = True``: all conditionals of one evidence cost about as much as one, so that training may use them all.
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

    def conditionals(
        self,
        features: Float[Tensor, "batch *event features"],
        order: Order,
        context: Float[Tensor, "batch context"] | None = None,
    ) -> Float[Tensor, "batch *event parameters"] | None:
        """All conditionals of complete events in an order, or None (the default): each prefix is then queried.

        For networks in which consecutive prefixes share computations. The result is that of the queries.
        """
        return None
