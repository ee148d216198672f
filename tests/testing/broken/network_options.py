"""Backbones that are wrong with options other than small ones, or ignore them."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import nn

from tests.testing.reference import Dense, Lines


class LeaksIfWide(Dense):
    """Units of a wide layer reach the coefficient of their own degree."""

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
    """Hidden units whose number is fixed."""

    def __init__(self, signature, *, copies: int = 2, dropout: float = 0.1):
        super().__init__(signature, copies=2, dropout=dropout)
        self.copies = copies


class IgnoresItsDropout(Dense):
    """A dropout that nothing applies."""

    def __init__(self, signature, *, copies: int = 2, dropout: float = 0.1):
        super().__init__(signature, copies=copies, dropout=dropout)
        self.rate, self.dropout = dropout, nn.Identity()


class IgnoresItsMode(FastModeLeaks):
    """An option that selects nothing."""

    def mask(self, order):
        return order.causal_mask()


class RecommendsNoSetting(Dense):
    """A learning rate under a name that is no setting."""

    recommended: ClassVar[dict[str, float]] = {"rate": 0.01}


class RecommendsALength(Dense):
    """A length of training, which depends on the data."""

    recommended: ClassVar[dict[str, float]] = {"steps": 1000}


CAUGHT = {
    RecommendsNoSetting: "defaults_are_valid",
    RecommendsALength: "defaults_are_valid",
    LeaksIfWide: "default_options_keep_the_contract",
    FastModeLeaks: "every_choice_keeps_the_contract",
    CenteringLeaks: "every_choice_keeps_the_contract",
    StepperIgnoresAnOption: "every_choice_keeps_the_contract",
    IgnoresItsWidth: "every_option_has_an_effect",
    IgnoresItsDropout: "every_option_has_an_effect",
    IgnoresItsMode: "every_option_has_an_effect",
}
