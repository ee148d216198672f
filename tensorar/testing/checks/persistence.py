"""A network that is saved, copied, moved, cast or sampled from is the same network."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch

from tensorar.testing.check import CheckFailed, for_all, told
from tensorar.testing.checks.comparison import require_same
from tensorar.testing.generate.cases import Case, Subject, backbone_cases, growing_cases
from tensorar.testing.oracles import parameters_of

# larger than other checks draw: what is kept for a shape is made here first
UNSEEN = ((13,), (3, 5), (2, 2, 4))


def state_dict_round_trip(subject: Subject) -> None:
    """Another network with the same state gives the same, whatever was computed before."""

    def test(case: Case) -> None:
        model, other = case.model(), replace(case, seed=case.seed + 1).model()
        x, context = case.events(3), case.contexts(3)
        expected = parameters_of(model, x, context)
        parameters_of(other, x, context)
        other.load_state_dict(copy.deepcopy(model.state_dict()))
        require_same(parameters_of(other, x, context), expected, "a network with the state of another one differs")

    for_all(backbone_cases(subject), test, examples=max(4, subject.profile.examples // 2))


def trains_after_inference(subject: Subject) -> None:
    """A network that answered in inference mode, and was sampled from, trains on: what it keeps has gradients."""
    for case in growing_cases(subject, shapes=UNSEEN):
        model, x = case.model(), case.events(2)
        with torch.inference_mode():
            parameters_of(model, x)
        model.sample(1, generator=torch.Generator())
        try:
            model.train().loss(x).backward()
        except RuntimeError as error:
            raise CheckFailed(f"a step of training after inference {told(error)} ({case.words})") from error


def copies_stand_alone(subject: Subject) -> None:
    """A deep copy gives the same, and goes its own way from there (training keeps one with averaged weights)."""

    def test(case: Case) -> None:
        model, x, context = case.model(), case.events(3), case.contexts(3)
        expected = parameters_of(model, x, context)
        twin = copy.deepcopy(model)
        require_same(parameters_of(twin, x, context), expected, "a deep copy differs")
        with torch.no_grad():
            for parameter in twin.parameters():
                parameter.mul_(2).add_(1)
        fresh = case.as_built().double().eval()
        fresh.load_state_dict(twin.state_dict())
        changed = parameters_of(fresh, x, context)
        require_same(parameters_of(twin, x, context), changed, "a deep copy does not follow its own weights")
        require_same(parameters_of(model, x, context), expected, "what was done to a deep copy changed the original")

    for_all(backbone_cases(subject), test, examples=max(4, subject.profile.examples // 2))


def single_and_double_precision(subject: Subject) -> None:
    """The same network in float32 and in float64, whichever was asked first, up to rounding."""

    def test(case: Case) -> None:
        model, x, context = case.mild_model(), case.events(3), case.contexts(3)
        double = parameters_of(model, x, context)
        model.float()
        single = parameters_of(model, x.float(), None if context is None else context.float())
        for network, answer in ((torch.float64, double), (torch.float32, single)):
            if answer.dtype != network:
                raise CheckFailed(f"a network in {network} gives parameters in {answer.dtype}")
        if not torch.allclose(single.double(), double, rtol=1e-3, atol=1e-3):
            raise CheckFailed(f"float32 and float64 differ by {(single - double).detach().abs().max().item():.3g}")

    for_all(backbone_cases(subject), test, examples=max(4, subject.profile.examples // 2))


def any_device(subject: Subject) -> None:
    """The same on every device that there is."""
    devices = [name for name in ("cuda", "mps") if getattr(torch, name).is_available()]

    def test(case: Case) -> None:
        model, x, context = case.mild_model().float(), case.events(3).float(), case.contexts(3)
        context = None if context is None else context.float()
        expected = parameters_of(model, x, context)
        for device in devices:
            moved = copy.deepcopy(model).to(device)
            there = parameters_of(moved, x.to(device), None if context is None else context.to(device))
            if not torch.allclose(there.cpu(), expected, rtol=1e-3, atol=1e-3):
                raise CheckFailed(f"on {device} the parameters differ from those on the CPU")

    if devices:
        for_all(backbone_cases(subject), test, examples=max(4, subject.profile.examples // 2))
