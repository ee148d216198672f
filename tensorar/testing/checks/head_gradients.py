"""Likelihoods and gradients of a head: finite for any parameters, and dependent on each of them."""

from __future__ import annotations

import torch
from torch import Tensor

from tensorar.head import Head
from tensorar.testing.generate.head_inputs import DTYPES, Parameters, conditional, extremes
from tensorar.testing.generate.head_options import small_and_default, variants
from tensorar.testing.generate.values import values_of
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed


@check("head", by_kind=True)
def extreme_parameters_are_finite(part: PartUnderTest) -> None:
    """For extreme parameters, likelihoods and their gradients are finite, near the distribution and far from it."""
    for variant in small_and_default(part):
        head = variant.head
        for dtype in DTYPES:
            for size in (1e1, 1e2, 1e4, 1e6):
                parameters = Parameters(1.0, 0, dtype).of(head, 200).sign() * size
                for values in (values_of(head, (200,), 0), _repeated(extremes(head), 200)):
                    _require_finite(head, parameters, values.to(dtype), f"parameters of size {size:g} in {dtype}")


@check("head", by_kind=True)
def gradients_are_finite_at_zero(part: PartUnderTest) -> None:
    """Likelihoods and gradients are finite where parameters are exactly 0, as those of an untrained network are."""
    for variant in variants(part):
        head = variant.head
        for dtype in DTYPES:
            values = values_of(head, (50,), 0).to(dtype)
            drawn = Parameters(1.0, 0, dtype).of(head, 50)
            zeros = [(torch.zeros_like(drawn), "parameters of 0")]
            for i in range(min(head.parameter_count, 30)):
                alone = drawn.clone()
                alone[:, i] = 0.0
                zeros.append((alone, f"a parameter {i} of 0"))
            for parameters, what in zeros:
                _require_finite(head, parameters, values, f"{what} in {dtype}")


@check("head", by_kind=True)
def every_parameter_gets_gradient(part: PartUnderTest) -> None:
    """The likelihood depends on each parameter."""
    for variant in variants(part):
        head = variant.head
        parameters = Parameters(1.0, 0, torch.float64).of(head, 100).requires_grad_()
        nats = conditional(head, parameters).log_prob(values_of(head, (100,), 1))
        (gradients,) = torch.autograd.grad(nats.sum(), parameters, allow_unused=True)
        idle = torch.ones(head.parameter_count, dtype=torch.bool) if gradients is None else gradients.eq(0).all(0)
        if idle.any():
            raise CheckFailed(
                f"parameter {int(idle.nonzero()[0])} of {head.parameter_count} has no effect on the likelihood"
                f" ({variant.description})"
            )


def _repeated(values: Tensor, n: int) -> Tensor:
    return values[torch.arange(n) % len(values)]


def _require_finite(head: Head, parameters: Tensor, values: Tensor, where: str) -> None:
    values = torch.where(head.support.check(values), values, values_of(head, values.shape, 0).to(values))
    parameters = parameters.detach().requires_grad_()
    nats = conditional(head, parameters).log_prob(values)
    (gradients,) = torch.autograd.grad(nats.sum(), parameters, allow_unused=True)
    for what, numbers in (("log-likelihood", nats), ("gradient", gradients)):
        if numbers is not None and not numbers.isfinite().all():
            wrong = ~numbers.isfinite() if numbers.ndim == 1 else ~numbers.isfinite().all(-1)
            bad = numbers[~numbers.isfinite()][0].item()
            raise CheckFailed(f"a {what} is {bad} for {where} and the value {values[wrong][0].item():g}")
