"""Backbones that are causal, with one defect each."""

from __future__ import annotations

import math

import torch
from torch import nn

from tests.testing.reference import Dense, Lines, Masks, TwoBranches


class DropoutInEval(Dense):
    """Functional dropout, which ignores evaluation mode."""

    def hidden(self, x):
        return nn.functional.dropout(x.tanh(), 0.5)


class ChangesItsFeatures(Lines):
    """Centers its features in place."""

    def forward(self, features, order, context=None):
        features -= 0.5
        return super().forward(features, order, context)


class CountsItsCalls(Lines):
    """Counts calls in a buffer, also in evaluation mode."""

    def __init__(self, signature):
        super().__init__(signature)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, features, order, context=None):
        self.calls += 1
        return super().forward(features, order, context)


class DriftsWithUse(CountsItsCalls):
    """Returns other parameters at every call."""

    def __init__(self, signature):
        super().__init__(signature)
        self.calls_before = 0

    def forward(self, features, order, context=None):
        self.calls_before += 1
        return super().forward(features, order, context) + 0.01 * self.calls_before


class RandomDegreesNotSaved(Dense):
    """Random degrees that are not saved with the weights."""

    def __init__(self, signature, *, copies: int = 4, dropout: float = 0.1):
        super().__init__(signature, copies=copies, dropout=dropout)
        self.degrees = self.degrees[torch.randperm(len(self.degrees))]


class CopiesShareWeights(Lines):
    """A deep copy that is the same network."""

    def __deepcopy__(self, memo):
        return self


class AlwaysSingle(Lines):
    """Returns float32 parameters in every dtype."""

    def forward(self, features, order, context=None):
        return super().forward(features, order, context).float()


class FirstIgnoresTheContext(Dense):
    """The first coefficient does not depend on the context."""

    def forward(self, features, order, context=None):
        if context is None:
            return super().forward(features, order)
        out = super().forward(features, order, context)
        without = super().forward(features, order, torch.zeros_like(context))
        return torch.where((order.rank == 0).unsqueeze(-1), without, out)


class AveragesContexts(Dense):
    """The context is averaged over the batch."""

    def add_context(self, out, context):
        return super().add_context(out, None if context is None else context + context.mean(0))


class ComparesExamples(Dense):
    """Hidden units are centered over the batch."""

    def hidden(self, x):
        return (x - x.mean(0)).tanh()


class UnusedLayer(Lines):
    """A layer that nothing uses."""

    def __init__(self, signature):
        super().__init__(signature)
        self.skip = nn.Linear(2, 2)


class FailsWithoutAxes(Lines):
    """Declares every number of axes and takes only some."""

    def forward(self, features, order, context=None):
        return super().forward(features.flatten(1, -2).reshape(features.shape), order, context)


class TakesMoreThanItDeclares(TwoBranches):
    """Declares matrices only, and refuses nothing."""

    @classmethod
    def check_shape(cls, event_shape):
        return


class InfiniteAtTheStart(Lines):
    """An initial bias that is not finite."""

    def __init__(self, signature):
        super().__init__(signature)
        self.bias.data[0] = math.log(1e-320) * 1e308


class StartsInTheWrongShape(Dense):
    """Initializes the bias from one coefficient only."""

    def init_output_bias(self, marginal):
        self.bias.data = marginal.reshape(1, -1)[:, : self.bias.shape[1] + 1].expand(len(self.bias) + 1, -1)


# --- evidence backbones ----------------------------------------------------------------------------------------------


class RepeatsTheFirstQuery(Masks):
    """Returns the result of the first query for every query."""

    def queried(self, everything, query):
        return super().queried(everything, query[:, :1].expand_as(query))


class SeesWhatItPredicts(Masks):
    """Its conditionals of complete events are given one coefficient too many."""

    def conditionals(self, features, order, context=None):
        steps = []
        for t, i in enumerate(order.visits.tolist()):
            mask = order.mask_before(t + 1).expand(features.shape[:-1])
            query = torch.full((len(features), 1), i)
            steps.append(self(torch.where(mask.unsqueeze(-1), features, 0.0), mask, query, context))
        return torch.cat(steps, 1)[:, order.rank.flatten()].reshape(*features.shape[:-1], -1)


class IgnoresTheMask(Masks):
    """Does not distinguish an unknown value from zero."""

    def inputs(self, features, mask, context):
        return super().inputs(features, torch.zeros_like(mask), context)


class ChangesTheMask(Masks):
    """Marks queried coefficients as known, in place."""

    def forward(self, features, mask, query, context=None):
        mask.reshape(len(mask), -1).scatter_(1, query, True)
        return super().forward(features, mask, query, context)


CAUGHT = {
    SeesWhatItPredicts: "conditionals_are_the_queries",
    DropoutInEval: "deterministic_in_eval",
    ChangesItsFeatures: "no_side_effects",
    CountsItsCalls: "no_side_effects",
    DriftsWithUse: "deterministic_in_eval",
    RandomDegreesNotSaved: "state_dict_round_trip",
    CopiesShareWeights: "copies_are_independent",
    AlwaysSingle: "float32_agrees_with_float64",
    FirstIgnoresTheContext: "depends_on_its_context",
    AveragesContexts: "depends_on_its_context",
    ComparesExamples: "same_alone_and_in_a_batch",
    UnusedLayer: "every_parameter_gets_gradient",
    FailsWithoutAxes: "takes_what_it_declares",
    TakesMoreThanItDeclares: "takes_what_it_declares",
    InfiniteAtTheStart: "finite",
    StartsInTheWrongShape: "initializes_output_bias",
    RepeatsTheFirstQuery: "queries_are_independent",
    IgnoresTheMask: "distinguishes_zero_from_unknown",
    ChangesTheMask: "no_side_effects",
}
