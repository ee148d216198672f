"""Samples of a whole model: as frequent as they are probable, by every method, with what is observed kept."""

from __future__ import annotations

from contextlib import suppress

import torch
from torch import Tensor

from tensorar.errors import SpecError
from tensorar.evidence import Evidence
from tensorar.generation import Method
from tensorar.model import AutoregressiveModel
from tensorar.order import Order
from tensorar.testing.check import LEVEL, CheckFailed, for_all
from tensorar.testing.checks.whole_models import Cases, few_values
from tensorar.testing.generate.cases import Case, Subject
from tensorar.testing.oracles import joint, p_value

METHODS: tuple[Method, ...] = ("naive", "cached", "fixed-point")


def samples_follow_the_probabilities(subject: Subject, cases: Cases) -> None:
    """Samples are as frequent as they are probable: a chi-square test at the level 1e-4, with a fixed seed."""

    def test(case: Case) -> None:
        if not few_values(case, 100):
            return
        model, context = case.model(spread=0.5), case.contexts(1)
        values, probability = joint(model, context)
        samples = model.sample(subject.profile.draws, context=context, generator=torch.Generator().manual_seed(1))
        _require_frequencies(samples, values, probability)

    for_all(cases(subject, max_coefficients=4), test, examples=max(3, subject.profile.examples // 20))


def completions_follow_the_probabilities(subject: Subject, cases: Cases) -> None:
    """The same of completions of evidence that the order visits first."""

    def test(case: Case) -> None:
        if not few_values(case, 100):
            return
        model, context = case.model(spread=0.5), case.contexts(1)
        order = model.orders[0]
        mask = order.mask_before(len(order) // 2)
        x = case.events(1)
        members = [order for order in model.orders if torch.equal(order.mask_before(len(order) // 2), mask)]
        if not model.ordering.fixed and not model.ordering.ensemble:
            members = [model.order.observed_first(mask)]
        # of a mixture each member counts as it is likely to have made the evidence
        together = torch.stack([_with_evidence(model, x, mask, context, order) for order in members]).mean(0)
        probability = together / together.sum()
        values = joint(model, context)[0]
        samples = model.sample(
            subject.profile.draws, Evidence(mask[None], x), context=context, generator=torch.Generator().manual_seed(2)
        )
        _require_frequencies(samples, values, probability)

    for_all(cases(subject, max_coefficients=4), test, examples=max(3, subject.profile.examples // 20))


def observed_values_are_kept(subject: Subject, cases: Cases) -> None:
    """What is observed comes back from sampling bit by bit, and what is drawn is in the support."""

    def test(case: Case) -> None:
        model, x = case.model(), case.events(4)
        mask = torch.rand(x.shape) < torch.rand(4, *[1] * len(case.event_shape)) * 1.2
        drawn = model.sample(evidence=Evidence(mask, x), context=case.contexts(4), generator=torch.Generator())
        if not torch.equal(drawn[mask], x[mask]):
            raise CheckFailed("an observed value came back changed")
        model.head.check(drawn)

    for_all(cases(subject, max_coefficients=6), test, examples=subject.profile.examples)


def samples_follow_the_generator(subject: Subject, cases: Cases) -> None:
    """The same generator state gives the same samples, another one others; the global state is left alone."""

    def test(case: Case) -> None:
        model, context = case.model(spread=0.05), case.contexts(1)

        def draw(seed: int) -> Tensor:
            return model.sample(64, context=context, generator=torch.Generator().manual_seed(seed))

        before = torch.get_rng_state()
        first = draw(0)
        if not torch.equal(torch.get_rng_state(), before):
            raise CheckFailed("sampling with a generator changed torch's global random state")
        torch.manual_seed(5)
        if not torch.equal(draw(0), first):
            raise CheckFailed("the same generator state gives other samples")
        if torch.equal(draw(1), first):
            raise CheckFailed("another generator state gives the same samples")

    for_all(cases(subject, max_coefficients=4), test, examples=max(3, subject.profile.examples // 4))


def every_method_samples_alike(subject: Subject, cases: Cases) -> None:
    """With the same noise every way to sample gives the samples of the plain loop."""

    def test(case: Case) -> None:
        model, context = case.model(spread=0.5), case.contexts(1)
        mask = torch.rand(8, *case.event_shape) < 0.3
        known = Evidence(mask, case.events(8))
        drawn = {}
        for method in METHODS:
            with suppress(SpecError):
                noise = torch.Generator().manual_seed(3)
                drawn[method] = model.sample(evidence=known, context=context, method=method, generator=noise)
        for method, samples in drawn.items():
            if not torch.allclose(samples, drawn["naive"], rtol=1e-6, atol=1e-6):
                raise CheckFailed(f"sampling by the method {method} gives other samples than the plain loop")

    for_all(cases(subject, max_coefficients=4), test, examples=max(3, subject.profile.examples // 2))


# --- what the checks share -------------------------------------------------------------------------------------------


def _with_evidence(model: AutoregressiveModel, x: Tensor, mask: Tensor, context: Tensor | None, order: Order) -> Tensor:
    """The probability of every value of the event that agrees with the evidence, in an order that visits it first."""
    values, probability = joint(model, context, order=order)
    agreeing = (values == x).reshape(len(values), -1)[:, mask.flatten()].all(1)
    return torch.where(agreeing, probability, 0.0)


def _require_frequencies(samples: Tensor, values: Tensor, probability: Tensor) -> None:
    same = (samples.reshape(len(samples), 1, -1) == values.reshape(1, len(values), -1)).all(2)
    if not (same.sum(1) == 1).all():
        raise CheckFailed("a sample is no value of the support")
    counts = same.sum(0)
    level = p_value(counts, probability)
    if level < LEVEL:
        worst = int((counts / len(samples) - probability).abs().argmax())
        raise CheckFailed(
            f"{values[worst].tolist()} was drawn {int(counts[worst])} times of {len(samples)}, its probability is"
            f" {probability[worst].item():.4f} (chi-square test, p = {level:.1g})"
        )
