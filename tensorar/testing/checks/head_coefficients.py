"""Coefficients of a head: independent of each other, in any number and shape, and left unchanged."""

from __future__ import annotations

import torch
from torch import Tensor

from tensorar.head import Head
from tensorar.noise import uniform
from tensorar.testing.generate.head_inputs import Parameters, conditional
from tensorar.testing.generate.head_options import coefficients_of
from tensorar.testing.generate.values import values_of
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed
from tensorar.utils.random_state import seed_all

# more than any fixed size of a buffer that is likely
BATCH = 70


@check("head")
def coefficients_are_independent(part: PartUnderTest) -> None:
    """The distribution, features and draws of a coefficient depend on its own parameters and index only."""
    head: Head = part.instance
    known = coefficients_of(part)
    shape = (2, len(known) // 2) if len(known) % 2 == 0 else (len(known),)
    inputs = _Inputs.of(head, (BATCH, *shape), known)
    everything = _results(head, inputs, known.reshape(shape))
    for what, found in everything.items():
        if found.shape[: 1 + len(shape)] != (BATCH, *shape):
            raise CheckFailed(f"{what} of {BATCH} events of shape {shape} have shape {tuple(found.shape)}")
    flat = inputs.flat(len(shape))
    for i, coefficient in enumerate(known):
        for index in (coefficient.expand(BATCH), coefficient):
            for what, alone in _results(head, flat.column(i), index).items():
                together = everything[what].flatten(1, len(shape))[:, i]
                if not torch.allclose(alone, together, rtol=1e-9, atol=1e-9):
                    raise CheckFailed(f"coefficient {int(coefficient)} has other {what} alone")
    _require_mixed(head, flat, everything, known)
    _require_broadcasting(head)


@check("head")
def empty_batches(part: PartUnderTest) -> None:
    """A batch without events gives no features, likelihoods and draws, and no error."""
    head: Head = part.instance
    index = coefficients_of(part)
    n = len(index)
    for what, found in _results(head, _Inputs.of(head, (0, n), index), index).items():
        if tuple(found.shape[:2]) != (0, n):
            raise CheckFailed(f"{what} of no events of shape ({n},) have shape {tuple(found.shape)}")


@check("head")
def no_side_effects(part: PartUnderTest) -> None:
    """Encoding, likelihoods and samples do not change values, parameters, noise or indices in place."""
    head: Head = part.instance
    index = coefficients_of(part)
    inputs = _Inputs.of(head, (4, len(index)), index)
    kept = [tensor.clone() for tensor in (*inputs, index)]
    _results(head, inputs, index)
    head.distribution(inputs.parameters, index).sample()
    if not all(map(torch.equal, (*inputs, index), kept)):
        raise CheckFailed("values, parameters, noise or indices were changed in place")


# --- helpers ---------------------------------------------------------------------------------------------------------


class _Inputs(tuple[Tensor, Tensor, Tensor]):
    """Values, parameters and noise."""

    values = property(lambda self: self[0])
    parameters = property(lambda self: self[1])
    noise = property(lambda self: self[2])

    @classmethod
    def of(cls, head: Head, shape: tuple[int, ...], coefficients: Tensor) -> _Inputs:
        """Random ones of a shape, for these coefficients."""
        seed_all(0)
        noise = uniform((*shape, head.noise_size), torch.float64, torch.device("cpu"))
        return cls((values_of(head, shape, 0, coefficients), Parameters(1.0, 0, torch.float64).of(head, *shape), noise))

    def flat(self, axes: int) -> _Inputs:
        """The same with one axis of coefficients."""
        return _Inputs(tensor.flatten(1, axes) for tensor in self)

    def column(self, i: int) -> _Inputs:
        """Those of one coefficient."""
        return _Inputs(tensor[:, i] for tensor in self)


def _results(head: Head, inputs: _Inputs, index: Tensor) -> dict[str, Tensor]:
    return {
        "features": head.encode(inputs.values, index),
        "likelihoods": head.distribution(inputs.parameters, index).log_prob(inputs.values),
        "draws": head.draw(inputs.parameters, inputs.noise, index),
    }


def _require_mixed(head: Head, flat: _Inputs, everything: dict[str, Tensor], known: Tensor) -> None:
    """Require the same of another coefficient in each event, as in orders that differ between events."""
    event = torch.arange(BATCH)
    place = event % len(known)
    for what, alone in _results(head, _Inputs(tensor[event, place] for tensor in flat), known[place]).items():
        if not torch.allclose(alone, everything[what].flatten(1, -1 if what != "features" else -2)[event, place]):
            raise CheckFailed(f"{what} of another coefficient in each event differ from those of whole events")


def _require_broadcasting(head: Head) -> None:
    parameters, values = Parameters(1.0, 0, torch.float64).of(head, 5), values_of(head, (7, 1), 0)
    got = tuple(conditional(head, parameters).log_prob(values).shape)
    if got != (7, 5):
        raise CheckFailed(
            f"values (7, 1) and parameters of 5 coefficients give likelihoods of shape {got}: they do not broadcast as"
            " in torch.distributions"
        )
