"""Backbones with defects that only training shows: its start, its noise, its gradients, its random numbers."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import nn

from tests.testing.reference import Dense, Lines, Masks


class InfiniteGradientOfDropped(Dense):
    """The size of hidden units, whose gradient is not finite where dropout sets one to zero."""

    def __init__(self, signature, *, copies: int = 2, dropout: float = 0.1):
        super().__init__(signature, copies=copies, dropout=dropout)
        dropped, self.dropout = self.dropout, nn.Identity()
        self.size = dropped

    def hidden(self, x):
        return self.size(1.5 + x.tanh()).pow(2).sqrt()


class RescalesWhatIsLeft(Dense):
    """Divides by the share of hidden units left by dropout, which may be none."""

    def hidden(self, x):
        kept = (torch.rand_like(x) >= self.dropout.p).to(x.dtype) if self.training else torch.ones_like(x)
        return x.tanh() * kept / kept.mean(1, keepdim=True)


class SeedsTorch(Lines):
    """Makes its weights reproducible by seeding the global generator."""

    def __init__(self, signature):
        torch.manual_seed(0)
        super().__init__(signature)


class SeedsNumpy(Lines):
    """Seeds numpy's global generator."""

    def __init__(self, signature):
        np.random.seed(0)
        super().__init__(signature)


class SeedsPython(Lines):
    """Seeds the generator of the module random."""

    def __init__(self, signature):
        random.seed(0)
        super().__init__(signature)


class SeedsInTheForwardPass(Lines):
    """Seeds the global generator in every forward pass."""

    def forward(self, features, order, context=None):
        torch.manual_seed(1)
        return super().forward(features, order, context)


class ChangesTheDefaultType(Lines):
    """Makes double precision the default of the process."""

    def forward(self, features, order, context=None):
        if features.dtype == torch.float64:
            torch.set_default_dtype(torch.float64)
        return super().forward(features, order, context)


class StopsGradients(Lines):
    """Switches gradients off for the whole process in the forward pass of evaluation mode."""

    def forward(self, features, order, context=None):
        if not self.training:
            torch.set_grad_enabled(False)
        return super().forward(features, order, context)


class LimitsItsStart(Dense):
    """Limits the parameters, so that training does not begin at the marginals."""

    def forward(self, features, order, context=None):
        return super().forward(features, order, context).clamp(-0.5, 0.5)


class StartsBackwards(Dense):
    """Initializes the bias of each coefficient from the one at the other end."""

    def init_output_bias(self, marginal):
        super().init_output_bias(marginal.reshape(self.bias.shape).flip(0))


class StartsInNoise(Dense):
    """Initial weights so large that the bias is lost in them."""

    def __init__(self, signature, *, copies: int = 2, dropout: float = 0.1):
        super().__init__(signature, copies=copies, dropout=dropout)
        nn.init.normal_(self.last, std=10)


class AddsToItsStart(Dense):
    """Adds the marginals to the bias instead of replacing it."""

    def __init__(self, signature, *, copies: int = 2, dropout: float = 0.1):
        super().__init__(signature, copies=copies, dropout=dropout)
        nn.init.constant_(self.bias, 1.5)

    def init_output_bias(self, marginal):
        super().init_output_bias(self.bias.data + marginal.reshape(self.bias.shape))


class OverflowsFarFromZero(Lines):
    """The logarithm of the sum of exponentials of the features, by its definition."""

    def forward(self, features, order, context=None):
        return super().forward((1 + features.exp()).log(), order, context)

    def stepper(self, order, batch, context=None):
        return None


class DividesByFeatures(Lines):
    """Normalizes features by the root of their 16th power, which is zero for small ones."""

    def forward(self, features, order, context=None):
        power = features.pow(16)
        zero = features == 0
        normal = features / torch.where(zero, 1.0, power).pow(1 / 16)
        return super().forward(torch.where(zero, 0.0, normal), order, context)

    def stepper(self, order, batch, context=None):
        return None


class RaisesFeatures(Lines):
    """A polynomial of degree 15 of the features."""

    def forward(self, features, order, context=None):
        return super().forward(features.pow(15), order, context)

    def stepper(self, order, batch, context=None):
        return None


class SaturatesLargeWeights(Masks):
    """A softmax by its definition, which overflows for large weights."""

    def forward(self, features, mask, query, context=None):
        out = self.into(self.inputs(features, mask, context))
        weights = out.exp() / out.exp().sum(1, keepdim=True)
        out = self.out(weights).unflatten(1, (-1, self.signature.parameter_count))
        return self.queried(out, query)


CAUGHT = {
    InfiniteGradientOfDropped: "trains_with_finite_gradients",
    RescalesWhatIsLeft: "trains_with_finite_gradients",
    OverflowsFarFromZero: "takes_features_of_any_size",
    DividesByFeatures: "takes_features_of_any_size",
    RaisesFeatures: "takes_features_of_any_size",
    SaturatesLargeWeights: "takes_large_weights",
    SeedsTorch: "leaves_global_state_alone",
    SeedsNumpy: "leaves_global_state_alone",
    SeedsPython: "leaves_global_state_alone",
    SeedsInTheForwardPass: "leaves_global_state_alone",
    ChangesTheDefaultType: "leaves_global_state_alone",
    StopsGradients: "leaves_global_state_alone",
    LimitsItsStart: "training_starts_at_the_marginals",
    StartsBackwards: "training_starts_at_the_marginals",
    StartsInNoise: "training_starts_at_the_marginals",
    AddsToItsStart: "training_starts_at_the_marginals",
}
