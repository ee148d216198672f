"""Backbones with one other defect each."""

from __future__ import annotations

import math

import torch
from torch import nn

from tests.testing.reference import Dense, Lines, Masks, TwoBranches


class DropoutInEval(Dense):
    """Dropout by the function, which does not ask for the mode."""

    def hidden(self, x):
        return nn.functional.dropout(x.tanh(), 0.5)


class ChangesTheEvidence(Lines):
    """Centres its features in place."""

    def forward(self, features, order, context=None):
        features -= 0.5
        return super().forward(features, order, context)


class CountsItsCalls(Lines):
    """Keeps a running sum in a buffer, in evaluation mode, too."""

    def __init__(self, signature):
        super().__init__(signature)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, features, order, context=None):
        self.calls += 1
        return super().forward(features, order, context)


class DriftsWithUse(CountsItsCalls):
    """Answers otherwise every time."""

    def __init__(self, signature):
        super().__init__(signature)
        self.calls_before = 0

    def forward(self, features, order, context=None):
        self.calls_before += 1
        return super().forward(features, order, context) + 0.01 * self.calls_before


class RandomDegreesNotSaved(Dense):
    """Degrees drawn anew whenever it is made, and not saved with the weights."""

    def __init__(self, signature, *, copies: int = 4, dropout: float = 0.1):
        super().__init__(signature, copies=copies, dropout=dropout)
        self.degrees = self.degrees[torch.randperm(len(self.degrees))]


class CopiesShareWeights(Lines):
    """A deep copy that is the same network."""

    def __deepcopy__(self, memo):
        return self


class AlwaysSingle(Lines):
    """Answers in float32 whatever it is in."""

    def forward(self, features, order, context=None):
        return super().forward(features, order, context).float()


class DeafAtTheFirst(Dense):
    """The first coefficient does not hear the context."""

    def forward(self, features, order, context=None):
        if context is None:
            return super().forward(features, order)
        out = super().forward(features, order, context)
        silent = super().forward(features, order, torch.zeros_like(context))
        return torch.where((order.rank == 0).unsqueeze(-1), silent, out)


class HearsOtherContexts(Dense):
    """The context is averaged over the batch."""

    def listen(self, out, context):
        return super().listen(out, None if context is None else context + context.mean(0))


class ComparesExamples(Dense):
    """Hidden units are centred over the batch."""

    def hidden(self, x):
        return (x - x.mean(0)).tanh()


class LeftOut(Lines):
    """A layer that nothing uses."""

    def __init__(self, signature):
        super().__init__(signature)
        self.skip = nn.Linear(2, 2)


class FallsOverWithoutAxes(Lines):
    """Declares every number of axes and takes only some."""

    def forward(self, features, order, context=None):
        return super().forward(features.flatten(1, -2).reshape(features.shape), order, context)


class TakesMoreThanItDeclares(TwoBranches):
    """Says that it takes matrices, and refuses nothing."""

    @classmethod
    def adapted_signature(cls, signature):
        return signature


class InfiniteAtTheStart(Lines):
    """Begins with a bias that is no number."""

    def __init__(self, signature):
        super().__init__(signature)
        self.bias.data[0] = math.log(1e-320) * 1e308


class StartsInTheWrongShape(Dense):
    """Takes the marginal of one coefficient only."""

    def init_output_bias(self, marginal):
        self.bias.data = marginal.reshape(1, -1)[:, : self.bias.shape[1] + 1].expand(len(self.bias) + 1, -1)


# --- evidence backbones ----------------------------------------------------------------------------------------------


class AnswersTheFirstQuery(Masks):
    """Gives every query the answer to the first."""

    def answer(self, everything, query):
        return super().answer(everything, query[:, :1].expand_as(query))


class DoesNotLookAtTheMask(Masks):
    """Cannot tell an unknown value from zero."""

    def seen(self, features, mask, context):
        return super().seen(features, torch.zeros_like(mask), context)


class BlanksTheMask(Masks):
    """Marks what is asked for as known, in the mask that it was given."""

    def forward(self, features, mask, query, context=None):
        mask.reshape(len(mask), -1).scatter_(1, query, True)
        return super().forward(features, mask, query, context)


CAUGHT = {
    DropoutInEval: "deterministic_in_eval",
    ChangesTheEvidence: "leaves_everything_unchanged",
    CountsItsCalls: "leaves_everything_unchanged",
    DriftsWithUse: "deterministic_in_eval",
    RandomDegreesNotSaved: "state_dict_round_trip",
    CopiesShareWeights: "copies_stand_alone",
    AlwaysSingle: "single_and_double_precision",
    DeafAtTheFirst: "listens_to_its_context",
    HearsOtherContexts: "listens_to_its_context",
    ComparesExamples: "same_alone_and_in_a_batch",
    LeftOut: "every_parameter_learns",
    FallsOverWithoutAxes: "takes_what_it_declares",
    TakesMoreThanItDeclares: "takes_what_it_declares",
    InfiniteAtTheStart: "finite",
    StartsInTheWrongShape: "starts_anywhere",
    AnswersTheFirstQuery: "queries_as_if_each_came_alone",
    DoesNotLookAtTheMask: "knows_zero_from_unknown",
    BlanksTheMask: "leaves_everything_unchanged",
}
