"""Backbones with one defect each."""

from __future__ import annotations

import math

import torch
from torch import nn

from tensorar import may_see
from tests.testing.reference import Conv, Dense, Lines, LinesStepper, Masks, TwoBranches

# --- masks -----------------------------------------------------------------------------------------------------------


class InclusiveFirstLayer(Conv):
    """Mask B in the first layer: ``<=`` instead of ``<``."""

    def may_see(self, layer):
        return may_see(self.offsets, torch.tensor(0), itself=True)


class StrictLaterLayer(Conv):
    """Mask A in the second layer: ``<`` instead of ``<=``, which never sees the coefficient just visited."""

    def may_see(self, layer):
        return may_see(self.offsets, torch.tensor(0))


class TransposedMask(Lines):
    """Sees what comes later."""

    def mask(self, order):
        return order.sees().T


class InclusiveOutput(Dense):
    """MADE with ``>=`` into the output."""

    def out_of_hidden(self, rank):
        return may_see(self.degrees, rank[:, None], itself=True)


class IgnoresTheOrder(Dense):
    """Takes any order and uses raster."""

    def out_of_hidden(self, rank):
        return super().out_of_hidden(torch.arange(len(rank)))

    def into_hidden(self, rank):
        return super().into_hidden(torch.arange(len(rank)))


class KeepsItsFirstOrder(Dense):
    """Keeps the masks of the order that it was asked for first."""

    kept = None

    def forward(self, features, order, context=None):
        self.kept = order if self.kept is None else self.kept
        return super().forward(features, self.kept, context)


class MasksAfterAStep(Lines):
    """Masks its weights in place, when the optimiser has had its first step."""

    def __init__(self, signature):
        super().__init__(signature)
        self.weight.register_post_accumulate_grad_hook(self.begin)
        self.begun = False

    def begin(self, weight):
        self.begun = True

    def mask(self, order):
        return super().mask(order) if self.begun else torch.ones_like(super().mask(order))


class MasksUntilAStep(Lines):
    """Masks its weights when it is made, and lets training undo it."""

    def __init__(self, signature):
        super().__init__(signature)
        sees = torch.arange(len(self.bias))[None, :] < torch.arange(len(self.bias))[:, None]
        if signature.order is not None:
            sees = signature.order.sees()
        self.weight.data *= sees[:, None, :, None]
        self.fixed = signature.order is not None

    def mask(self, order):
        return torch.ones_like(super().mask(order)) if self.fixed else super().mask(order)


class BranchNotShifted(TwoBranches):
    """The branch from the right sees the row that it is in."""

    def shift(self, rows):
        return rows


class NormalisesOverPositions(Conv):
    """Batch norm whose statistics are those of all positions."""

    def make_norm(self, channels):
        return nn.BatchNorm1d(channels)


class LayerNormOverPositions(Conv):
    """A norm over all positions of an event, in evaluation mode, too."""

    def make_norm(self, channels):
        return nn.GroupNorm(1, channels)


class LooksAtTheMean(Lines):
    """Adds the mean of all features, detached: no gradient shows it."""

    def forward(self, features, order, context=None):
        return super().forward(features, order, context) + features.detach().mean() / 100


class BlindWithoutSayingSo(Conv):
    """Sees the three coefficients before its own."""

    def may_see(self, layer):
        near = self.offsets >= (-3 if layer == 0 else 0)
        return super().may_see(layer) & near


# --- what else a network must be -------------------------------------------------------------------------------------


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
    def adapt(cls, signature):
        return signature


class InfiniteAtTheStart(Lines):
    """Begins with a bias that is no number."""

    def __init__(self, signature):
        super().__init__(signature)
        self.bias.data[0] = math.log(1e-320) * 1e308


class StartsInTheWrongShape(Dense):
    """Takes the marginal of one coefficient only."""

    def start_at(self, marginal):
        self.bias.data = marginal.reshape(1, -1)[:, : self.bias.shape[1] + 1].expand(len(self.bias) + 1, -1)


class StaleStepper(Lines):
    """A stepper that is one step behind."""

    def stepper(self, order, batch, context=None):
        return _Stale(self, order, self.start(batch, context))


class _Stale(LinesStepper):
    last = None

    def step(self, features):
        behind, self.last = self.last, features
        if behind is not None:
            seen = self.weight[:, :, self.visits[self.t - 2]]
            self.sums = self.sums + torch.einsum("bf,ipf->bip", behind, seen)
        self.t += 1
        return self.sums[:, self.visits[self.t - 1]]


class StepperInRasterOrder(Lines):
    """A stepper that takes what it is shown for the next in raster order."""

    def stepper(self, order, batch, context=None):
        stepper = super().stepper(order, batch, context)
        stepper.visits = sorted(stepper.visits)
        return stepper


class SteppersShareTheirSums(Lines):
    """Two walks at a time write into one memory."""

    def stepper(self, order, batch, context=None):
        self.shared = super().stepper(order, batch, context)
        return _Shared(self)


class _Shared:
    def __init__(self, network):
        self.network = network

    def step(self, features):
        return self.network.shared.step(features)


class KeepsWhatSamplingMade(Lines):
    """A mask that is made once, in sampling, where nothing is made for gradients."""

    kept = None

    def mask(self, order):
        if self.kept is None or self.kept[0] != order:
            self.kept = order, super().mask(order).to(self.weight.dtype)
        return self.kept[1]

    def stepper(self, order, batch, context=None):
        self.mask(order)
        return super().stepper(order, batch, context)


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
    InclusiveFirstLayer: "no_leak_by_value",
    StrictLaterLayer: "sees_its_past",
    TransposedMask: "no_leak_by_gradient",
    InclusiveOutput: "no_leak_by_value",
    IgnoresTheOrder: "no_leak_by_value",
    KeepsItsFirstOrder: "no_leak_in_another_order",
    MasksAfterAStep: "no_leak_as_built",
    MasksUntilAStep: "no_leak_as_built",
    BranchNotShifted: "no_leak_by_value",
    NormalisesOverPositions: "no_leak_in_training",
    LayerNormOverPositions: "no_leak_by_value",
    LooksAtTheMean: "no_leak_by_nan",
    BlindWithoutSayingSo: "sees_its_past",
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
    StaleStepper: "stepper_is_the_forward_pass",
    StepperInRasterOrder: "stepper_is_the_forward_pass",
    SteppersShareTheirSums: "stepper_is_the_forward_pass",
    KeepsWhatSamplingMade: "trains_after_inference",
    AnswersTheFirstQuery: "queries_as_if_each_came_alone",
    DoesNotLookAtTheMask: "knows_zero_from_unknown",
    BlanksTheMask: "leaves_everything_unchanged",
}
