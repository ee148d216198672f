"""Backbones whose steppers have one defect each."""

from __future__ import annotations

from tests.testing.reference import Lines, LinesStepper


class StaleStepper(Lines):
    """A stepper that is one step behind."""

    def stepper(self, order, batch, context=None):
        return _Stale(self, order, self.start(batch, context))


class _Stale(LinesStepper):
    last = None

    def show(self, features, step):
        behind, self.last = self.last, features
        super().show(behind, step - 1)


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


CAUGHT = {
    StaleStepper: "stepper_is_the_forward_pass",
    StepperInRasterOrder: "stepper_is_the_forward_pass",
    SteppersShareTheirSums: "stepper_is_the_forward_pass",
    KeepsWhatSamplingMade: "trains_after_inference",
}
