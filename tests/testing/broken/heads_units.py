"""Heads whose units are lost, rounded, or not those of the data."""

from __future__ import annotations

import torch

from tests.testing.reference import InUnits, Units


class JacobianForgotten(InUnits):
    """Likelihoods in standard units in place of those of the data."""

    def affine(self, origin, shift, scale):
        class Stretched(Units):
            def log_abs_det_jacobian(self, x, y):
                return torch.zeros_like(x)

        return Stretched(origin, shift, scale)


class JacobianInverted(InUnits):
    """The logarithm of the scale with the wrong sign."""

    def affine(self, origin, shift, scale):
        class Stretched(Units):
            def log_abs_det_jacobian(self, x, y):
                return -super().log_abs_det_jacobian(x, y)

        return Stretched(origin, shift, scale)


class UnitsInSinglePrecision(InUnits):
    """Values are rounded to float32 before the location is subtracted."""

    def affine(self, origin, shift, scale):
        class Single(Units):
            def _inverse(self, y):
                return (y.float().double() - self.loc) / self.scale

        return Single(origin, shift, scale)


class WholeNumbersAreRounded(InUnits):
    """Large whole numbers are rounded to float64 before the location is subtracted."""

    def affine(self, origin, shift, scale):
        class Rounded(Units):
            def _inverse(self, y):
                return (y.double() - self.loc) / self.scale

        return Rounded(origin, shift, scale)


class SquaresOverflow(InUnits):
    """A standard deviation by the squares of values of any size."""

    def for_data(self, train, *others):
        found = super().for_data(train)
        scale = train.double().flatten(1).square().mean(0) - train.double().flatten(1).mean(0).square()
        return self.with_data_state(found.data_state() | {"scale": scale.clamp(min=1e-30).sqrt()})


class ConstantsDivideByZero(InUnits):
    """A scale of 0 for constant data."""

    def for_data(self, train, *others):
        found = super().for_data(train)
        constant = (train == train[0]).all(0).flatten()
        return self.with_data_state(
            found.data_state() | {"scale": torch.where(constant, 0.0, found.data_state()["scale"])}
        )


class UnitsByPosition(InUnits):
    """Units by the position in the tensor in place of the coefficient."""

    def transform(self, coefficients=None):
        if not self.data_state():
            return None
        place = torch.arange(coefficients.numel()).reshape(coefficients.shape) % len(self.data_state()["scale"])
        return super().transform(place)


class StateWithoutShift(InUnits):
    """A part of what was found in the data is not kept."""

    def data_state(self):
        return {name: part for name, part in super().data_state().items() if name != "shift"}

    def transform(self, coefficients=None):
        state = self.__dict__.get("_state", {})
        shift = state.get("shift", 0 * state["scale"]) if state else None
        return self.affine(**{k: v[coefficients] for k, v in (state | {"shift": shift}).items()}) if state else None


class ChangesItself(InUnits):
    """``for_data`` changes the head it is called on."""

    def for_data(self, train, *others):
        self.__dict__["_state"] = super().for_data(train).data_state()
        return self


CAUGHT = {
    JacobianForgotten: "likelihoods_are_in_the_units_of_the_data",
    JacobianInverted: "likelihoods_are_in_the_units_of_the_data",
    UnitsInSinglePrecision: "data_are_restored",
    WholeNumbersAreRounded: "data_are_restored",
    SquaresOverflow: "data_are_restored",
    ConstantsDivideByZero: "data_are_restored",
    UnitsByPosition: "data_are_restored",
    StateWithoutShift: "data_state_is_complete",
    ChangesItself: "data_state_is_complete",
}
