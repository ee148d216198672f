"""Backbones that depend on later coefficients, or not on all earlier ones, with one defect each."""

from __future__ import annotations

import torch
from torch import nn

from tensorar import may_see
from tests.testing.reference import Conv, Dense, Lines, TwoBranches


class InclusiveFirstLayer(Conv):
    """Mask B in the first layer: ``<=`` instead of ``<``."""

    def may_see(self, layer):
        return may_see(self.offsets, torch.tensor(0), strict=False)


class StrictLaterLayer(Conv):
    """Mask A in the second layer: ``<`` instead of ``<=``, which never sees the coefficient just visited."""

    def may_see(self, layer):
        return may_see(self.offsets, torch.tensor(0))


class TransposedMask(Lines):
    """Depends on later instead of earlier coefficients."""

    def mask(self, order):
        return order.causal_mask().T


class InclusiveOutput(Dense):
    """MADE with ``>=`` into the output."""

    def out_of_hidden(self, rank):
        return may_see(self.degrees, rank[:, None], strict=False)


class IgnoresTheOrder(Dense):
    """Takes any order and uses raster."""

    def out_of_hidden(self, rank):
        return super().out_of_hidden(torch.arange(len(rank)))

    def into_hidden(self, rank):
        return super().into_hidden(torch.arange(len(rank)))


class KeepsItsFirstOrder(Dense):
    """Uses the masks of the first order for every order."""

    kept = None

    def forward(self, features, order, context=None):
        self.kept = order if self.kept is None else self.kept
        return super().forward(features, self.kept, context)


class MasksAfterAStep(Lines):
    """Masks its weights only after the first training step."""

    def __init__(self, signature):
        super().__init__(signature)
        self.weight.register_post_accumulate_grad_hook(self.record_training)
        self.trained = False

    def record_training(self, weight):
        self.trained = True

    def mask(self, order):
        return super().mask(order) if self.trained else torch.ones_like(super().mask(order))


class MasksUntilAStep(Lines):
    """Masks its initial weights, which training then changes."""

    def __init__(self, signature):
        super().__init__(signature)
        sees = torch.arange(len(self.bias))[None, :] < torch.arange(len(self.bias))[:, None]
        if signature.order is not None:
            sees = signature.order.causal_mask()
        self.weight.data *= sees[:, None, :, None]
        self.fixed = signature.order is not None

    def mask(self, order):
        return torch.ones_like(super().mask(order)) if self.fixed else super().mask(order)


class BranchNotShifted(TwoBranches):
    """The branch from the right includes its own row."""

    def shift(self, rows):
        return rows


class NormalizesOverPositions(Conv):
    """Batch norm with statistics over all positions."""

    def make_norm(self, channels):
        return nn.BatchNorm1d(channels)


class LayerNormOverPositions(Conv):
    """Normalization over all positions of an event, also in evaluation mode."""

    def make_norm(self, channels):
        return nn.GroupNorm(1, channels)


class AddsTheMean(Lines):
    """Adds the mean of all features, detached from the gradient."""

    def forward(self, features, order, context=None):
        return super().forward(features, order, context) + features.detach().mean() / 100


class UndeclaredBlindSpot(Conv):
    """Depends on the three preceding coefficients only."""

    def may_see(self, layer):
        near = self.offsets >= (-3 if layer == 0 else 0)
        return super().may_see(layer) & near


CAUGHT = {
    InclusiveFirstLayer: "no_leak_by_value",
    StrictLaterLayer: "sees_its_past",
    TransposedMask: "no_leak_by_gradient",
    InclusiveOutput: "no_leak_by_value",
    IgnoresTheOrder: "no_leak_by_value",
    KeepsItsFirstOrder: "no_leak_in_another_order",
    MasksAfterAStep: "no_leak_as_built",
    MasksUntilAStep: "no_leak_as_built",
    BranchNotShifted: "no_leak_by_value",
    NormalizesOverPositions: "no_leak_in_training",
    LayerNormOverPositions: "no_leak_by_value",
    AddsTheMean: "no_leak_by_nan",
    UndeclaredBlindSpot: "sees_its_past",
}
