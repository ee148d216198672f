"""Backbones whose steppers have one defect each."""

from __future__ import annotations

import torch

from tests.testing.reference import Lines, LinesStepper


class StaleStepper(Lines):
    """A stepper that is one step behind."""

    def stepper(self, order, batch, context=None):
        return _Stale(self, order, batch, context)


class _Stale(LinesStepper):
    last = None

    def add(self, features, step):
        behind, self.last = self.last, features
        if behind is not None:
            super().add(behind, step - 1)


class StepperInRasterOrder(Lines):
    """A stepper that takes the features in raster order."""

    def stepper(self, order, batch, context=None):
        stepper = super().stepper(order, batch, context)
        stepper.visits = sorted(stepper.visits)
        return stepper


class SteppersShareTheirSums(Lines):
    """Two steppers that write to the same memory."""

    def stepper(self, order, batch, context=None):
        self.shared = super().stepper(order, batch, context)
        return _Shared(self)


class _Shared:
    def __init__(self, network):
        self.network = network

    def step(self, features):
        return self.network.shared.step(features)


class ReturnsOneBuffer(Lines):
    """A stepper whose steps return the same memory."""

    def stepper(self, order, batch, context=None):
        return _Buffered(self, order, batch, context)


class _Buffered(LinesStepper):
    out = None

    def advance(self, features, t):
        parameters = super().advance(features, t)
        self.out = torch.empty_like(parameters) if self.out is None else self.out
        return self.out.copy_(parameters)


class CachesAMaskWhileSampling(Lines):
    """A mask that is cached in inference mode, which gradients cannot use."""

    cached = None

    def mask(self, order):
        if self.cached is None or self.cached[0] != order:
            self.cached = order, super().mask(order).to(self.weight.dtype)
        return self.cached[1]

    def stepper(self, order, batch, context=None):
        self.mask(order)
        return super().stepper(order, batch, context)


# --- selection, reset, weights and state -----------------------------------------------------------------------------


class SelectsInAscendingOrder(Lines):
    """A stepper that sorts the selected rows."""

    def stepper(self, order, batch, context=None):
        return _Sorting(self, order, batch, context)


class _Sorting(LinesStepper):
    def select(self, rows):
        super().select(rows.sort().values)


class SharesCopies(Lines):
    """A stepper whose copies of an example share their memory."""

    def stepper(self, order, batch, context=None):
        return _Sharing(self, order, batch, context)


class _Sharing(LinesStepper):
    def begin(self):
        super().begin()
        self.rows = torch.arange(self.batch)

    def select(self, rows):
        self.rows, self.batch = self.rows[rows], len(rows)

    def advance(self, features, t):
        return super().advance(features, t)[self.rows]

    def add(self, features, step):
        example = {int(row): features[i] for i, row in enumerate(self.rows)}
        super().add(torch.stack([example.get(row, features[0]) for row in range(len(self.sums))]), step)


class HidesItsState(Lines):
    """A stepper with a cache that its state does not include."""

    def stepper(self, order, batch, context=None):
        return _Hiding(self, order, batch, context)


class _Hiding(LinesStepper):
    def state(self):
        return {}


class ResetsTheStepOnly(Lines):
    """A stepper that keeps its sums at a reset."""

    def stepper(self, order, batch, context=None):
        return _Counting(self, order, batch, context)


class _Counting(LinesStepper):
    def reset(self):
        self.t = 0


class PrefillsOneTooFew(Lines):
    """A stepper that leaves out the last coefficient of a prefix."""

    def stepper(self, order, batch, context=None):
        return _Forgetting(self, order, batch, context)


class _Forgetting(LinesStepper):
    def prefill(self, features):
        super().prefill(features[:, :-1])
        self.t = features.shape[1] + 1


class KeepsWrongGuesses(Lines):
    """A stepper that looks ahead, and forgets to forget what was guessed wrong."""

    def stepper(self, order, batch, context=None):
        return _Hasty(self, order, batch, context)


class _Hasty(LinesStepper):
    def ahead(self, features):
        t = self.t
        parameters = torch.stack([self.step(each) for each in features.unbind(1)], 1)
        self.t = t
        return parameters

    def keep(self, count):
        self.t += count


class CachesItsWeights(Lines):
    """A stepper that keeps the weights of the first one."""

    cached = None

    def stepper(self, order, batch, context=None):
        if self.cached is None:
            self.cached = self.weight.detach().clone()
        return _Outdated(self, order, batch, context)


class _Outdated(LinesStepper):
    def begin(self):
        super().begin()
        self.weight = self.backbone.cached


class ResetsWithOldWeights(Lines):
    """A stepper that copies the weights when it is made."""

    def stepper(self, order, batch, context=None):
        return _Copying(self, order, batch, context)


class _Copying(LinesStepper):
    weight = None

    def begin(self):
        weight = self.weight
        super().begin()
        self.weight = self.weight.detach().clone() if weight is None else weight


class StateWithTheBatchLast(Lines):
    """A stepper whose state has the batch axis last, for which it selects by itself."""

    def stepper(self, order, batch, context=None):
        return _Transposed(self, order, batch, context)


class _Transposed(LinesStepper):
    def select(self, rows):
        self.sums = self.sums[rows]

    def state(self):
        return {"sums": self.sums.movedim(0, -1)}


class OverlappingState(Lines):
    """A stepper that lists its sums twice."""

    def stepper(self, order, batch, context=None):
        return _Overlapping(self, order, batch, context)


class _Overlapping(LinesStepper):
    def state(self):
        return {"sums": self.sums, "last": self.sums[:, -1]}


class CountsByItself(Lines):
    """A stepper with a counter that is not derived from the step."""

    def stepper(self, order, batch, context=None):
        return _Counter(self, order, batch, context)


class _Counter(LinesStepper):
    steps = 0

    def advance(self, features, t):
        self.steps += 1
        return super().advance(features, self.steps - 1)

    def reset(self):
        self.steps = 0
        super().reset()


CAUGHT = {
    CountsByItself: "stepper_state_is_valid",
    StaleStepper: "stepper_is_the_forward_pass",
    StepperInRasterOrder: "stepper_is_the_forward_pass",
    SteppersShareTheirSums: "stepper_is_the_forward_pass",
    ReturnsOneBuffer: "stepper_is_the_forward_pass",
    CachesAMaskWhileSampling: "trains_after_inference",
    SelectsInAscendingOrder: "stepper_selects_examples",
    SharesCopies: "stepper_selects_examples",
    HidesItsState: "stepper_selects_examples",
    ResetsTheStepOnly: "stepper_resets",
    PrefillsOneTooFew: "stepper_prefills",
    KeepsWrongGuesses: "stepper_looks_ahead",
    CachesItsWeights: "stepper_follows_the_weights",
    ResetsWithOldWeights: "stepper_follows_the_weights",
    StateWithTheBatchLast: "stepper_state_is_valid",
    OverlappingState: "stepper_state_is_valid",
}
