"""Backbones and steppers that are wrong for large events, large batches or options other than small ones."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from tensorar import CachedStepper
from tests.testing.reference import Dense, Lines, LinesStepper, Masks


class RanksInOneByte(Lines):
    """Compares ranks as signed bytes, which wrap around at 128."""

    def mask(self, order):
        rank = order.rank.flatten().to(torch.int8)
        return rank[None, :] < rank[:, None]


class MasksInBlocks(Lines):
    """Masks blocks of 16 coefficients, the first one correctly, each later one as a whole."""

    def mask(self, order):
        rank = order.rank.flatten()
        within = (rank[:, None] // 16 == rank[None, :] // 16) & (rank[:, None] >= 16)
        return super().mask(order) | (within & (rank[:, None] != rank[None, :]))


class ForgetsBeyond32(Lines):
    """Depends on the last 32 coefficients only."""

    def mask(self, order):
        rank = order.rank.flatten()
        return super().mask(order) & (rank[:, None] - rank[None, :] <= 32)

    def stepper(self, order, batch, context=None):
        return None


class SumsAllAtLength40(Lines):
    """Adds the sum of all features to events of 32 coefficients or more."""

    def forward(self, features, order, context=None):
        out = super().forward(features, order, context)
        total = features.flatten(1).sum(1).reshape(-1, *[1] * (features.ndim - 1))
        return out + total if len(order) >= 32 else out

    def stepper(self, order, batch, context=None):
        return None


class KeepsThe16Last(Lines):
    """A stepper with a ring of the last 16 features."""

    def stepper(self, order, batch, context=None):
        return _Ring(self, order, batch, context)


class _Ring(CachedStepper):
    def begin(self):
        shape = (self.batch, 16, self.backbone.weight.shape[-1])
        self.ring = self.backbone.weight.new_zeros(shape)

    def advance(self, features, t):
        network, visits = self.backbone, self.order.visits
        if features is not None:
            self.ring[:, (t - 1) % 16] = features
        recent = range(max(0, t - 16), t)
        out = network.start(self.batch, self.context)[:, visits[t]].clone()
        for s in recent:
            out += self.ring[:, s % 16] @ network.weight[visits[t], :, visits[s]].T
        return out

    def state(self):
        return {"ring": self.ring}


class StepsInTurnsOf32(Lines):
    """A stepper whose index of the last coefficient wraps around after 32 steps."""

    def stepper(self, order, batch, context=None):
        return _Wrapping(self, order, batch, context)


class _Wrapping(LinesStepper):
    def add(self, features, step):
        super().add(features, step % 32)


class ChunksOf64(Dense):
    """Computes large batches in chunks of 64, each with the contexts of the first chunk."""

    def forward(self, features, order, context=None):
        whole = super().forward
        return torch.cat(
            [whole(chunk, order, None if context is None else context[: len(chunk)]) for chunk in features.split(64)]
        )


class CentersLargeBatches(Dense):
    """Centers hidden units over the batch if it has more than 64 examples."""

    def hidden(self, x):
        return (x - x.mean(0)).tanh() if len(x) > 64 else x.tanh()


class SharesSumsOfLargeBatches(Lines):
    """A stepper that keeps 64 sums, so that later examples share them."""

    def stepper(self, order, batch, context=None):
        return _Sixtyfour(self, order, batch, context)


class _Sixtyfour(LinesStepper):
    def add(self, features, step):
        super().add(torch.cat([features[:64], features[: max(0, len(features) - 64)]]), step)


class AnswersEightQueries(Masks):
    """Returns the result of the eighth query for all after it."""

    def queried(self, everything, query):
        return super().queried(everything, torch.cat([query[:, :8], query[:, 7:8].expand_as(query[:, 8:])], dim=1))


class MarksQueriesAsKnown(Masks):
    """Adds a feature that tells queried coefficients apart if more than half of all are queried."""

    def forward(self, features, mask, query, context=None):
        out = super().forward(features, mask, query, context)
        return out + 0.1 * query.shape[1] if query.shape[1] > mask[0].numel() / 2 > 4 else out


class LeaksIfWide(Dense):
    """Units of a wide layer reach the coefficient of their own degree.

    Options:
        copies: Number of hidden units of each degree.
        dropout: Probability of dropping a hidden unit in training.
    """

    def __init__(self, signature, *, copies: int = 24, dropout: float = 0.1):
        super().__init__(signature, copies=copies, dropout=dropout)
        self.wide = copies > 16

    def out_of_hidden(self, rank):
        reached = super().out_of_hidden(rank)
        return reached | (self.degrees == rank[:, None]) if self.wide else reached


class FastModeLeaks(Lines):
    """One of the two modes includes the coefficient itself.

    Options:
        mode: How weights are masked.
    """

    def __init__(self, signature, *, mode: Literal["exact", "fast"] = "exact"):
        super().__init__(signature)
        self.mode = mode

    def mask(self, order):
        return order.causal_mask(include_self=self.mode == "fast")


class CenteringLeaks(Lines):
    """Centering, which is off by default, subtracts the mean of all features.

    Options:
        center: Whether to center the features.
    """

    def __init__(self, signature, *, center: bool = False):
        super().__init__(signature)
        self.center = center

    def forward(self, features, order, context=None):
        return super().forward(features - features.mean() if self.center else features, order, context)

    def stepper(self, order, batch, context=None):
        return None if self.center else super().stepper(order, batch, context)


class StepperIgnoresAnOption(Lines):
    """A stepper that does not know the squashing of the outputs.

    Options:
        squash: Whether to limit the parameters.
    """

    def __init__(self, signature, *, squash: bool | None = None):
        super().__init__(signature)
        self.squash = squash

    def forward(self, features, order, context=None):
        out = super().forward(features, order, context)
        return 3 * (out / 3).tanh() if self.squash else out


class IgnoresItsWidth(Dense):
    """Hidden units whose number is fixed.

    Options:
        copies: Number of hidden units of each degree.
        dropout: Probability of dropping a hidden unit in training.
    """

    def __init__(self, signature, *, copies: int = 2, dropout: float = 0.1):
        super().__init__(signature, copies=2, dropout=dropout)
        self.copies = copies


class IgnoresItsDropout(Dense):
    """A dropout that nothing applies.

    Options:
        copies: Number of hidden units of each degree.
        dropout: Probability of dropping a hidden unit in training.
    """

    def __init__(self, signature, *, copies: int = 2, dropout: float = 0.1):
        super().__init__(signature, copies=copies, dropout=dropout)
        self.rate, self.dropout = dropout, nn.Identity()


class IgnoresItsMode(Lines):
    """An option that selects nothing.

    Options:
        mode: How weights are masked.
    """

    def __init__(self, signature, *, mode: Literal["exact", "fast"] = "exact"):
        super().__init__(signature)
        self.mode = mode


CAUGHT = {
    RanksInOneByte: "no_leak_in_large_events",
    MasksInBlocks: "no_leak_in_large_events",
    SumsAllAtLength40: "no_leak_in_large_events",
    ForgetsBeyond32: "sees_its_past",
    KeepsThe16Last: "stepper_is_the_forward_pass_in_large_events",
    StepsInTurnsOf32: "stepper_is_the_forward_pass_in_large_events",
    ChunksOf64: "same_in_a_large_batch",
    CentersLargeBatches: "same_in_a_large_batch",
    SharesSumsOfLargeBatches: "stepper_is_the_forward_pass_in_a_large_batch",
    AnswersEightQueries: "all_queries_are_independent",
    MarksQueriesAsKnown: "all_queries_are_independent",
    LeaksIfWide: "default_options_keep_the_contract",
    FastModeLeaks: "every_choice_keeps_the_contract",
    CenteringLeaks: "every_choice_keeps_the_contract",
    StepperIgnoresAnOption: "every_choice_keeps_the_contract",
    IgnoresItsWidth: "every_option_has_an_effect",
    IgnoresItsDropout: "every_option_has_an_effect",
    IgnoresItsMode: "every_option_has_an_effect",
}
