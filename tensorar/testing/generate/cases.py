"""A model that a part is tried in, as data: what Hypothesis draws and shrinks, and what a failure is told by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from torch import Tensor

from tensorar.backbone import Backbone, Signature
from tensorar.build import make_backbone
from tensorar.dependencies import with_random_weights
from tensorar.head import Head
from tensorar.model import AutoregressiveModel
from tensorar.ordering import Ordering
from tensorar.testing.check import Draw, Profile, composite
from tensorar.testing.generate.reference_parts import Coin, Die, Given, Linear, Mirrored, Varying
from tensorar.testing.generate.small_options import small_options
from tensorar.testing.generate.strategies import event_shapes, orders, randomise, raster_orders, values_of
from tensorar.testing.kinds import ordering_takes, takes, takes_raster

Shape = tuple[int, ...]
# more visits than this are not worth reading
MOST_SHOWN = 16


@dataclass(frozen=True)
class Subject:
    """The part that is looked at, with its options, in which shapes (None: any), and how thoroughly."""

    part: Any
    options: dict[str, Any]
    shapes: tuple[Shape, ...] | None
    profile: Profile

    def make(self) -> Any:
        """The part itself, where it is made of its options alone."""
        return self.part(**self.options)


@dataclass(frozen=True)
class Case:
    """The parts of a model, its shape, and the seed of its weights and of what goes in."""

    event_shape: Shape
    ordering: Ordering
    head: Head
    backbone: type[Backbone]
    options: dict[str, Any] = field(default_factory=dict)
    context_features: int = 0
    seed: int = 0
    kind: type[AutoregressiveModel] = AutoregressiveModel

    @property
    def words(self) -> str:
        """The case as a reader would set it up again."""
        visits = self.ordering.order(self.event_shape).visits.tolist()
        shown = " ".join(map(str, visits[:MOST_SHOWN])) + (" ..." if len(visits) > MOST_SHOWN else "")
        ordering = "" if type(self.ordering) in (Given,) else f" {self.ordering.name}"
        context = f", context of {self.context_features}" if self.context_features else ""
        return f"shape {self.event_shape}, ordering{ordering} {shown}, head {self.head.name}{context}"

    def signature(self) -> Signature:
        """What the backbone is made for."""
        orders = self.ordering.orders(self.event_shape)
        return Signature(
            self.event_shape, self.head.feature_count, self.head.parameter_count, self.context_features, orders
        )

    def as_built(self) -> AutoregressiveModel:
        """The model with the weights that its backbone starts with."""
        network = make_backbone(self.backbone, self.signature(), **self.options)
        return self.kind(self.event_shape, self.ordering, self.head, network)

    def model(self, *, spread: float = 0.7) -> AutoregressiveModel:
        """The model with random weights, in float64 and ready to be asked."""
        return randomise(self.as_built(), self.seed, spread=spread)

    def mild_model(self) -> AutoregressiveModel:
        """The same with weights small enough for nothing to saturate."""
        return mild(self.as_built(), self.seed)

    def events(self, batch: int, offset: int = 1) -> Tensor:
        """Random events of the head."""
        return values_of(self.head, (batch, *self.event_shape), (self.seed + offset) % 2**32)

    def contexts(self, batch: int, offset: int = 1) -> Tensor | None:
        """A random context for each event, where the model takes one."""
        if not self.context_features:
            return None
        generator = torch.Generator().manual_seed((self.seed + offset) % 2**32)
        return torch.randn(batch, self.context_features, generator=generator, dtype=torch.float64)


def mild(model: AutoregressiveModel, seed: int) -> AutoregressiveModel:
    """Every parameter drawn afresh, each layer about keeping the size of what it is given; float64."""
    return with_random_weights(model.double().eval(), torch.Generator().manual_seed(seed))


# --- what is drawn ---------------------------------------------------------------------------------------------------


@composite
def backbone_cases(
    draw: Draw,
    subject: Subject,
    *,
    max_coefficients: int = 8,
    heads: Sequence[Head] = (Coin(), Die()),
    contexts: Sequence[int] = (0, 2),
    varying: bool | None = None,
) -> Case:
    """A backbone in any shape and order that it takes, with a head of one number or of several."""
    shape = draw(shapes_taken(subject, max_coefficients))
    order = draw(raster_orders(shape) if subject.part.orders == "raster" else orders(shape))
    varies = draw(st.booleans()) if varying is None else varying
    kind = Varying if varies and takes(subject.part, shape, ()) else Given
    return Case(
        event_shape=shape,
        ordering=kind(steps=tuple(order.visits.tolist())),
        head=draw(st.sampled_from(heads)),
        backbone=subject.part,
        options=subject.options,
        context_features=draw(st.sampled_from(contexts)),
        seed=draw(st.integers(0, 2**16)),
    )


@composite
def head_cases(draw: Draw, subject: Subject, *, max_coefficients: int = 6) -> Case:
    """A head under a linear map, in any shape and order."""
    shape = draw(some_shapes(subject, max_coefficients))
    steps = tuple(draw(orders(shape)).visits.tolist())
    return Case(shape, Given(steps=steps), subject.make(), Linear, seed=draw(st.integers(0, 2**16)))


@composite
def ordering_cases(draw: Draw, subject: Subject, *, max_coefficients: int = 5) -> Case:
    """An ordering in any shape that it takes, of coins under a linear map."""
    made = subject.make()
    shapes = some_shapes(subject, max_coefficients).filter(lambda shape: ordering_takes(made, shape))
    return Case(draw(shapes), made, Coin(), Linear, seed=draw(st.integers(0, 2**16)))


@composite
def model_cases(draw: Draw, subject: Subject, *, max_coefficients: int = 5) -> Case:
    """A kind of model with the simplest parts: one order, a varying one or an ensemble of two."""
    shape = draw(some_shapes(subject, max_coefficients))
    kind = draw(st.sampled_from([Given, Varying, Mirrored]))
    return Case(
        event_shape=shape,
        ordering=kind(steps=tuple(draw(orders(shape)).visits.tolist())),
        head=draw(st.sampled_from([Coin(), Die()])),
        backbone=Linear,
        context_features=draw(st.sampled_from([0, 2])),
        seed=draw(st.integers(0, 2**16)),
        kind=subject.part,
    )


# --- which shapes ----------------------------------------------------------------------------------------------------


def some_shapes(subject: Subject, max_coefficients: int) -> SearchStrategy[Shape]:
    """The shapes that were named, or any with so many coefficients at most."""
    if subject.shapes is None:
        return event_shapes(max_coefficients=max_coefficients)
    few = [shape for shape in subject.shapes if math.prod(shape) <= max_coefficients]
    return st.sampled_from(few or [min(subject.shapes, key=math.prod)])


def shapes_taken(subject: Subject, max_coefficients: int) -> SearchStrategy[Shape]:
    """The shapes among them that a backbone takes."""
    return some_shapes(subject, max_coefficients).filter(lambda shape: takes_raster(subject.part, shape))


# from small to large: the first that fails is the one that is told
GROWING: tuple[Shape, ...] = ((), (1,), (2,), (4,), (2, 2), (1, 3), (3, 3), (2, 1, 2), (2, 2, 3), (2, 1, 2, 2))


def growing_cases(
    subject: Subject, shapes: Sequence[Shape] = GROWING, *, head: Head | None = None, **options: Any
) -> list[Case]:
    """A backbone in the raster order of a few shapes that it takes, small ones first."""
    named = sorted(subject.shapes, key=math.prod) if subject.shapes else shapes
    return [
        Case(
            shape,
            Given(steps=tuple(range(math.prod(shape)))),
            head or Coin(),
            subject.part,
            subject.options,
            **options,
        )
        for shape in named
        if takes_raster(subject.part, shape)
    ]


def subject_of(part: type, options: dict[str, Any], shapes: Sequence[Shape] | None, profile: Profile) -> Subject:
    """The part to look at, in a small form."""
    return Subject(part, small_options(part, options), None if shapes is None else tuple(map(tuple, shapes)), profile)
