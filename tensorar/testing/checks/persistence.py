"""Saving, copying, moving, casting or sampling does not change a network."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch

from tensorar.testing.checks.comparison import require_same
from tensorar.testing.generate.cases import Case
from tensorar.testing.generate.part_cases import cases_of, growing_cases
from tensorar.testing.oracles import parameters_of
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.properties import for_all
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed, describe_error

# larger than in other checks, so that what is cached per shape is first made here
UNCACHED_SHAPES = ((13,), (3, 5), (2, 2, 4))


@check("backbone")
def state_dict_round_trip(part: PartUnderTest) -> None:
    """A network with the state of another one gives the same parameters, whatever it computed before."""

    def test(case: Case) -> None:
        model, other = case.model(), replace(case, seed=case.seed + 1).model()
        x, context = case.events(3), case.contexts(3)
        expected = parameters_of(model, x, context)
        parameters_of(other, x, context)
        other.load_state_dict(copy.deepcopy(model.state_dict()))
        require_same(parameters_of(other, x, context), expected, "a network with the state of another one differs")

    for_all(cases_of(part), test, examples=max(4, part.profile.examples // 2))


@check("backbone")
def trains_after_inference(part: PartUnderTest) -> None:
    """A network can be trained after inference mode and sampling: nothing cached there blocks gradients."""
    for case in growing_cases(part, shapes=UNCACHED_SHAPES):
        model, x = case.model(), case.events(2)
        with torch.inference_mode():
            parameters_of(model, x)
        model.sample(1, generator=torch.Generator())
        try:
            model.train().loss(x).backward()
        except RuntimeError as error:
            raise CheckFailed(f"training after inference {describe_error(error)} ({case.description})") from error


@check("backbone")
def copies_are_independent(part: PartUnderTest) -> None:
    """A deep copy gives the same parameters, and its weights can change separately (as averaged ones do)."""

    def test(case: Case) -> None:
        model, x, context = case.model(), case.events(3), case.contexts(3)
        expected = parameters_of(model, x, context)
        twin = copy.deepcopy(model)
        require_same(parameters_of(twin, x, context), expected, "a deep copy differs")
        with torch.no_grad():
            for parameter in twin.parameters():
                parameter.mul_(2).add_(1)
        fresh = case.initial_model().double().eval()
        fresh.load_state_dict(twin.state_dict())
        changed = parameters_of(fresh, x, context)
        require_same(parameters_of(twin, x, context), changed, "a deep copy does not follow its own weights")
        require_same(parameters_of(model, x, context), expected, "changing a deep copy changed the original")

    for_all(cases_of(part), test, examples=max(4, part.profile.examples // 2))


@check("backbone")
def float32_agrees_with_float64(part: PartUnderTest) -> None:
    """The parameters are in the dtype of the network, and those in float32 are those in float64 up to rounding."""

    def test(case: Case) -> None:
        model, x, context = case.mild_model(), case.events(3), case.contexts(3)
        double = parameters_of(model, x, context)
        model.float()
        single = parameters_of(model, x.float(), None if context is None else context.float())
        for dtype, parameters in ((torch.float64, double), (torch.float32, single)):
            if parameters.dtype != dtype:
                raise CheckFailed(f"a network in {dtype} gives parameters in {parameters.dtype}")
        if not torch.allclose(single.double(), double, rtol=1e-3, atol=1e-3):
            raise CheckFailed(f"float32 and float64 differ by {(single - double).detach().abs().max().item():.3g}")

    for_all(cases_of(part), test, examples=max(4, part.profile.examples // 2))


@check("backbone")
def computes_in_double_precision(part: PartUnderTest) -> None:
    """In float64, a relative change of the weights by 1e-10 has 1/10,000 of the effect of one by 1e-6."""

    def test(case: Case) -> None:
        model, x, context = case.mild_model(), case.events(3), case.contexts(3)
        weights = [parameter.detach().clone() for parameter in model.parameters()]
        before = parameters_of(model, x, context)
        changes = []
        for size in (1e-6, 1e-10):
            generator = torch.Generator().manual_seed(0)
            with torch.no_grad():
                for parameter, weight in zip(model.parameters(), weights, strict=True):
                    noise = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
                    parameter.copy_(weight * (1 + size * noise))
                changes.append((parameters_of(model, x, context) - before) / size)
        large, small = changes
        if (small - large).abs().max() > 0.05 * large.abs().max():
            raise CheckFailed("a network in float64 rounds its weights or activations to fewer digits")

    for_all(cases_of(part, max_coefficients=6), test, examples=max(4, part.profile.examples // 2))
