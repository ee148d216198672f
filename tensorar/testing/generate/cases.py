"""The pieces of a model as data, which Hypothesis generates and shrinks, and their generator."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
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
from tensorar.testing.generate.reference_parts import Coin, Die, FixedOrder, Linear
from tensorar.testing.generate.values import randomize, values_of
from tensorar.testing.kinds import Shape
from tensorar.testing.properties import Draw, composite

# visits printed in a message
MAX_PRINTED_VISITS = 16


@dataclass(frozen=True)
class Case:
    """The parts of a model, its event shape, and the seed of its weights and inputs."""

    event_shape: Shape
    ordering: Ordering
    head: Head = field(default_factory=Coin)
    backbone: type[Backbone] = Linear
    options: Mapping[str, Any] = field(default_factory=dict)
    context_features: int = 0
    seed: int = 0
    model_class: type[AutoregressiveModel] = AutoregressiveModel

    @property
    def description(self) -> str:
        """A description that suffices to set up the case again."""
        visits = self.ordering.order(self.event_shape).visits.tolist()
        more = " ..." if len(visits) > MAX_PRINTED_VISITS else ""
        printed = " ".join(map(str, visits[:MAX_PRINTED_VISITS])) + more
        ordering = "" if type(self.ordering) is FixedOrder else f" {self.ordering.name}"
        context = f", context of {self.context_features}" if self.context_features else ""
        return f"shape {self.event_shape}, ordering{ordering} {printed}, head {self.head.name}{context}"

    def signature(self) -> Signature:
        """The signature that the backbone is made for."""
        orders = self.ordering.orders(self.event_shape)
        return Signature(
            self.event_shape,
            self.head.feature_count,
            self.head.parameter_count,
            self.context_features,
            orders,
            embeds_order=self.ordering.embedding,
        )

    def initial_model(self) -> AutoregressiveModel:
        """The model with its initial weights, in float32 and training mode."""
        network = make_backbone(self.backbone, self.signature(), **self.options)
        return self.model_class(self.event_shape, self.ordering, self.head, network)

    def model(self, *, spread: float = 0.7) -> AutoregressiveModel:
        """The model with normally distributed weights, in float64 and evaluation mode."""
        return randomize(self.initial_model(), self.seed, spread=spread)

    def mild_model(self) -> AutoregressiveModel:
        """The same with variance-preserving weights, so that no unit saturates."""
        model = self.initial_model().double().eval()
        return with_random_weights(model, torch.Generator().manual_seed(self.seed))

    def events(self, batch: int, offset: int = 1) -> Tensor:
        """Random events in the support of the head, ``(batch, *event)``."""
        index = torch.arange(math.prod(self.event_shape)).reshape(self.event_shape)
        return self.head.restore(values_of(self.head, (batch, *self.event_shape), (self.seed + offset) % 2**32), index)

    def contexts(self, batch: int, offset: int = 1) -> Tensor | None:
        """A random context for each event, or None if the model takes none."""
        if not self.context_features:
            return None
        generator = torch.Generator().manual_seed((self.seed + offset) % 2**32)
        return torch.randn(batch, self.context_features, generator=generator, dtype=torch.float64)


@composite
def model_cases(
    draw: Draw,
    shapes: SearchStrategy[Shape],
    orderings: Callable[[Shape], SearchStrategy[Ordering]],
    *,
    heads: Sequence[Head] = (Coin(), Die()),
    contexts: Sequence[int] = (0,),
    **fixed: Any,
) -> Case:
    """Cases with any of these shapes, orderings of the shape, heads and sizes of the context.

    ``fixed`` are the other fields of ``Case``.
    """
    shape = draw(shapes)
    return Case(
        event_shape=shape,
        ordering=draw(orderings(shape)),
        head=draw(st.sampled_from(heads)),
        context_features=draw(st.sampled_from(contexts)),
        seed=draw(st.integers(0, 2**16)),
        **fixed,
    )
