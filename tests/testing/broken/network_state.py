"""Backbones and steppers with state that outlives what it was computed from."""

from __future__ import annotations

import math
from functools import cache
from typing import ClassVar

import torch

from tests.testing.reference import Dense, Lines, LinesStepper


@cache
def _rows(size):
    """An empty table per number of coefficients, which the first event shape of that number fills."""
    return []


class PositionsBySize(Lines):
    """Rows kept per number of coefficients, from the first event shape of that number."""

    def forward(self, features, order, context=None):
        shape = self.signature.event_shape
        kept = _rows(math.prod(shape))
        if not kept:
            sizes = shape or (1,)
            rows = torch.arange(sizes[0]).reshape(-1, *[1] * (len(sizes) - 1)).expand(sizes)
            kept.append(rows.flatten().clone())
        out = super().forward(features, order, context)
        return out + kept[0].to(out.dtype).to(out.device).reshape(*shape, 1) / 10

    def stepper(self, order, batch, context=None):
        return None


class DegreesOfTheFirst(Dense):
    """Degrees kept on the class per event shape, whatever the option says.

    Options:
        copies: Number of hidden units of each degree.
        dropout: Probability of dropping a hidden unit in training.
        spread: Power that the degrees are raised to.
    """

    powers: ClassVar[dict] = {}

    def __init__(self, signature, *, copies: int = 2, dropout: float = 0.1, spread: int = 1):
        super().__init__(signature, copies=copies, dropout=dropout)
        self.spread = self.powers.setdefault(signature.event_shape, spread)

    def hidden(self, x):
        return x.tanh() ** self.spread


class BiasOfTheLast(Lines):
    """A gain kept on the class, which the network made last sets."""

    gain = None

    def __init__(self, signature):
        super().__init__(signature)
        BiasOfTheLast.gain = 1 + math.prod(signature.event_shape)

    def forward(self, features, order, context=None):
        return super().forward(features, order, context) * BiasOfTheLast.gain

    def stepper(self, order, batch, context=None):
        return None


class ListOfTheClass(Lines):
    """Collects its layers in a list of the class, so that networks share them."""

    layers: ClassVar[list] = []

    def __init__(self, signature):
        super().__init__(signature)
        self.layers.append(len(self.layers))

    def forward(self, features, order, context=None):
        return super().forward(features, order, context) * (1 + len(self.layers))

    def stepper(self, order, batch, context=None):
        return None


class FoldsInEvaluation(Lines):
    """Keeps its masked weights in evaluation mode, until it is trained or loaded."""

    folded = None

    def train(self, mode=True):
        self.folded = None
        return super().train(mode)

    def _load_from_state_dict(self, *args):
        self.folded = None
        super()._load_from_state_dict(*args)

    def _apply(self, *args, **kwargs):
        self.folded = None
        return super()._apply(*args, **kwargs)

    def forward(self, features, order, context=None):
        if self.training or torch.is_grad_enabled():
            return super().forward(features, order, context)
        if self.folded is None or self.folded[0] != order:
            self.folded = order, (self.weight * self.mask(order)[:, None, :, None]).detach().clone()
        weight = self.folded[1]
        by_coefficient = features.reshape(len(features), -1, features.shape[-1])
        out = self.start(len(features), context) + torch.einsum("bjf,ipjf->bip", by_coefficient, weight)
        return out.reshape(-1, *self.signature.event_shape, self.bias.shape[1])

    def stepper(self, order, batch, context=None):
        return None


class BuffersOfTheFirstBatch(Lines):
    """Sums in a buffer of the first batch, of which later batches take a part."""

    buffer = None

    def stepper(self, order, batch, context=None):
        if self.buffer is None or self.buffer.dtype != self.bias.dtype:
            self.buffer = torch.zeros(batch, *self.bias.shape, dtype=self.bias.dtype)
        return _Buffered(self, order, batch, context)


class _Buffered(LinesStepper):
    def begin(self):
        super().begin()
        if self.batch <= len(self.backbone.buffer):
            self.sums = self.backbone.buffer[: self.batch].copy_(self.sums)


class StepperKeepsItsContext(Lines):
    """A stepper that reads the context of the first one of its batch size."""

    def __init__(self, signature):
        super().__init__(signature)
        self.first = {}

    def stepper(self, order, batch, context=None):
        return _Remembering(self, order, batch, self.first.setdefault(batch, context))


class _Remembering(LinesStepper):
    pass


class ShufflesByHash(Dense):
    """Initial weights drawn with a seed that is the hash of a name, which differs between processes."""

    def __init__(self, signature, *, copies: int = 2, dropout: float = 0.1):
        super().__init__(signature, copies=copies, dropout=dropout)
        generator = torch.Generator().manual_seed(hash("dense") % 2**31)
        self.first.data = torch.randn(self.first.shape, generator=generator)


class OrdersLayersBySet(Lines):
    """Scales of three groups of coefficients, in the order of a set of names."""

    def __init__(self, signature):
        super().__init__(signature)
        names = list({"left", "middle", "right", "above", "below"})
        scales = torch.tensor([1.0 + names.index(name) for name in ("left", "middle", "right", "above", "below")])
        self.register_buffer(
            "scales", scales.repeat(math.prod(signature.event_shape))[: len(self.bias)], persistent=False
        )

    def start(self, batch, context):
        return super().start(batch, context) * self.scales[:, None]


class CountsNetworks(Lines):
    """A gain that depends on how many networks were made before in the process."""

    made = 0

    def __init__(self, signature):
        super().__init__(signature)
        type(self).made += 1
        self.gain = 1 + 0.1 * (self.made % 7)

    def forward(self, features, order, context=None):
        return super().forward(features, order, context) * self.gain

    def stepper(self, order, batch, context=None):
        return None


class SharesSumsBetweenNetworks(Lines):
    """The first steppers of all networks share their sums, and so do the second ones."""

    sums: ClassVar[dict] = {}
    count = 0

    def stepper(self, order, batch, context=None):
        self.count += 1
        return _Shared(self, order, batch, context)


class _Shared(LinesStepper):
    def begin(self):
        super().begin()
        key = self.backbone.count, tuple(self.sums.shape), self.sums.dtype
        self.sums = SharesSumsBetweenNetworks.sums.setdefault(key, self.sums).copy_(self.sums)


class SingleTable(Lines):
    """A scale in single precision, kept on the class, which makes everything single."""

    def start(self, batch, context):
        return (super().start(batch, context).float() * 1.1).to(self.bias.dtype)


class LayerOutsideTheModule(Lines):
    """A trained scale that is no parameter of the module: an optimizer never changes it."""

    def __init__(self, signature):
        super().__init__(signature)
        self.scales = [torch.ones(1, requires_grad=True)]

    def start(self, batch, context):
        return super().start(batch, context) * self.scales[0].to(self.bias.dtype)


CAUGHT = {
    PositionsBySize: "same_in_another_process",
    DegreesOfTheFirst: "same_in_another_process",
    BiasOfTheLast: "unaffected_by_other_networks",
    ListOfTheClass: "unaffected_by_other_networks",
    CountsNetworks: "unaffected_by_other_networks",
    FoldsInEvaluation: "follows_its_weights",
    BuffersOfTheFirstBatch: "steppers_are_independent",
    StepperKeepsItsContext: "steppers_are_independent",
    SharesSumsBetweenNetworks: "steppers_are_independent",
    ShufflesByHash: "same_in_another_process",
    OrdersLayersBySet: "same_in_another_process",
    SingleTable: "computes_in_double_precision",
    LayerOutsideTheModule: "every_weight_is_a_parameter",
}
