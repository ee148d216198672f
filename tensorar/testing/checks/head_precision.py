"""Precision of a head: dtypes are kept, and float32 is accurate."""

from __future__ import annotations

import torch
from torch import Tensor

from tensorar.head import Head
from tensorar.testing.generate.head_inputs import SPREADS, Parameters, conditional
from tensorar.testing.generate.head_options import repeated_coefficients, small_and_default
from tensorar.testing.generate.values import values_of
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.quadrature import resolvable
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed

# allowed error of a log-likelihood, relative if it is large, beside that of parameters and values rounded a few times
TOLERANCE = 1e-2
ROUNDINGS = 8


@check("head", by_kind=True)
def precision_is_preserved(part: PartUnderTest) -> None:
    """Likelihoods, samples and draws have the dtype of the parameters."""
    head: Head = part.instance
    index = torch.zeros(200, dtype=torch.long)
    for dtype in (torch.float32, torch.float64):
        parameters = Parameters(1.0, 0, dtype).of(head, 200)
        distribution = conditional(head, parameters)
        nats, sample = distribution.log_prob(values_of(head, (200,), 0).to(dtype)), distribution.sample()
        drawn = head.draw(parameters, torch.full((200, head.noise_size), 0.4, dtype=dtype), index)
        if nats.dtype != dtype:
            raise CheckFailed(f"likelihoods are {nats.dtype} for parameters in {dtype}")
        if sample.is_floating_point() and sample.dtype != dtype:
            raise CheckFailed(f"samples are {sample.dtype} for parameters in {dtype}")
        if drawn.dtype != dtype:
            raise CheckFailed(f"draw returns {drawn.dtype} for parameters and noise in {dtype}")


@check("head", by_kind=True)
def float32_agrees_with_float64(part: PartUnderTest) -> None:
    """Log-likelihoods in float32 agree with those in float64, narrow or wide, near or far, of large counts too."""
    for variant in small_and_default(part):
        for spread in (*SPREADS, 100.0, 1000.0):
            drawn = Parameters(spread, 1, torch.float32)
            parameters = drawn.of(variant.head, 30).expand(20, 30, -1)
            coefficients = repeated_coefficients(part, 30)
            typical = values_of(variant.head, (20, 30), 0)
            own = conditional(variant.head, parameters[0].double(), coefficients).sample((20,)).double()
            own = torch.where(resolvable(variant.head, own) & own.isfinite(), own, typical)
            for values in (own, typical):
                _require_agreement(variant.head, parameters, values.float(), coefficients, drawn.description)


def _require_agreement(head: Head, parameters: Tensor, values: Tensor, coefficients: Tensor, where: str) -> None:
    inside = head.support.check(values) & head.supports(values, coefficients)
    values = torch.where(inside, values, values_of(head, values.shape, 1).float())
    found = head.distribution(parameters, coefficients).log_prob(values).double()
    exact, slack = _with_rounding(head, parameters.double(), values.double(), coefficients)
    wrong = exact.isfinite() & ~((found - exact).abs() < TOLERANCE * exact.abs().clamp(min=1) + slack)
    if wrong.any():
        raise CheckFailed(
            f"log-likelihood {found[wrong][0].item():g} in float32, {exact[wrong][0].item():g} in float64, of the value"
            f" {values[wrong][0].item():.9g} ({where})"
        )


def _with_rounding(head: Head, parameters: Tensor, values: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    """Log-likelihoods, and how much a few roundings of parameters and values to float32 may change each."""
    inputs = [parameters.clone().requires_grad_(), values.clone().requires_grad_()]
    nats = head.distribution(inputs[0], index).log_prob(inputs[1])
    gradients = torch.autograd.grad(nats.sum(), inputs, allow_unused=True)
    moved = [torch.zeros(()) if g is None else (g * x).abs() for g, x in zip(gradients, inputs, strict=True)]
    by_parameters = moved[0].sum(-1) if moved[0].ndim else moved[0]
    by_value = torch.zeros(()) if head.support.is_discrete else moved[1]
    slack = ROUNDINGS * torch.finfo(torch.float32).eps * (by_parameters + by_value)
    return nats.detach(), slack.nan_to_num(torch.inf).detach()
