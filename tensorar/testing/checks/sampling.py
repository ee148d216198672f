"""Samples of a whole model: distributed as its likelihood, the same by every method, and consistent with evidence."""

from __future__ import annotations

from contextlib import suppress

import torch
from torch import Tensor

from tensorar.errors import SpecError
from tensorar.evidence import Evidence
from tensorar.generation import Method
from tensorar.generation.replay import replay
from tensorar.model import AutoregressiveModel
from tensorar.order import Order
from tensorar.testing.checks.head_samples import draws_of
from tensorar.testing.checks.whole_models import require_few_events
from tensorar.testing.generate.cases import Case
from tensorar.testing.generate.part_cases import cases_of
from tensorar.testing.oracles import SIGNIFICANCE, joint, p_value
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.properties import for_all
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed, CheckSkipped
from tensorar.utils.random_state import seed_all
from tensorar.utils.shapes import flatten_events

REFERENCE_METHOD: Method = "naive"
OTHER_METHODS: tuple[Method, ...] = ("cached", "fixed-point")
# events enumerated for a chi-square test
MAX_CELLS = 100


@check("ordering", "head", "backbone", "model")
def samples_follow_the_likelihood(part: PartUnderTest) -> None:
    """Samples follow the probabilities of events (chi-square test, significance 1e-4)."""

    def test(case: Case) -> None:
        require_few_events(case, MAX_CELLS)
        model, context = case.model(spread=0.5), case.contexts(1)
        values, probability = joint(model, context)
        generator = torch.Generator().manual_seed(1)
        model, context = _in_float32(part, model, context)
        samples = model.sample(draws_of(case.head, part.profile.draws), context=context, generator=generator)
        _require_frequencies(samples, values, probability)

    for_all(cases_of(part, max_coefficients=4), test, examples=max(3, part.profile.examples // 20))


@check("ordering", "head", "backbone", "model")
def completions_follow_the_likelihood(part: PartUnderTest) -> None:
    """Completions of evidence on the first coefficients follow the conditional probabilities of events."""

    def test(case: Case) -> None:
        require_few_events(case, MAX_CELLS)
        model, context = case.model(spread=0.5), case.contexts(1)
        order = model.orders[0]
        mask = order.mask_before(len(order) // 2)
        x = case.events(1)
        members = [order for order in model.orders if torch.equal(order.mask_before(len(order) // 2), mask)]
        if model.ordering.any_order:
            members = [model.order.observed_first(mask)]
        # the members of an ensemble are weighted by the likelihood of the evidence
        together = torch.stack([_with_evidence(model, x, mask, context, order) for order in members]).mean(0)
        probability = together / together.sum()
        values = joint(model, context)[0]
        model, context = _in_float32(part, model, context)
        samples = model.sample(
            draws_of(case.head, part.profile.draws),
            Evidence(mask[None], x),
            context=context,
            generator=torch.Generator().manual_seed(2),
        )
        _require_frequencies(samples, values, probability)

    for_all(cases_of(part, max_coefficients=4), test, examples=max(3, part.profile.examples // 20))


@check("ordering", "head", "backbone", "model")
def observed_values_are_kept(part: PartUnderTest) -> None:
    """Sampling returns observed values unchanged, and draws the others from the support."""

    def test(case: Case) -> None:
        model, x = case.model(), case.events(4)
        mask = torch.rand(x.shape) < torch.rand(4, *[1] * len(case.event_shape)) * 1.2
        drawn = model.sample(evidence=Evidence(mask, x), context=case.contexts(4), generator=torch.Generator())
        if not torch.equal(drawn[mask], x[mask]):
            raise CheckFailed("sampling changed an observed value")
        model.head.check(drawn)

    for_all(cases_of(part, max_coefficients=6), test, examples=part.profile.examples)


@check("ordering", "head", "backbone", "model")
def samples_follow_the_generator(part: PartUnderTest) -> None:
    """Equal generator states give equal samples, different ones different samples; the global state is unchanged."""

    def test(case: Case) -> None:
        model, context = case.model(spread=0.05), case.contexts(1)

        def draw(seed: int) -> Tensor:
            return model.sample(64, context=context, generator=torch.Generator().manual_seed(seed))

        before = torch.get_rng_state()
        first = draw(0)
        if not torch.equal(torch.get_rng_state(), before):
            raise CheckFailed("sampling with a generator changed torch's global random state")
        seed_all(5)
        if not torch.equal(draw(0), first):
            raise CheckFailed("the same generator state gives other samples")
        if torch.equal(draw(1), first):
            raise CheckFailed("another generator state gives the same samples")

    for_all(cases_of(part, max_coefficients=4), test, examples=max(3, part.profile.examples // 4))


@check("ordering", "head", "backbone", "model")
def methods_give_the_same_samples(part: PartUnderTest) -> None:
    """All methods of sampling map the same noise to the same samples."""

    def test(case: Case) -> None:
        model, context = case.model(spread=0.5), case.contexts(8)
        known = Evidence(torch.rand(8, *case.event_shape) < 0.3, case.events(8))

        def draw(method: Method) -> Tensor:
            generator = torch.Generator().manual_seed(3)
            # of any evidence, so that drawn and observed coefficients alternate
            return model.sample(
                evidence=known, context=context, method=method, generator=generator, conditioning="clamp"
            )

        drawn = {}
        for method in OTHER_METHODS:
            with suppress(SpecError):
                drawn[method] = draw(method)
        if not drawn:
            raise CheckSkipped("the model supports one method of sampling only")
        expected = draw(REFERENCE_METHOD)
        for method, samples in drawn.items():
            if not torch.allclose(samples, expected, rtol=1e-6, atol=1e-6):
                raise CheckFailed(f"the method {method} gives other samples than the method {REFERENCE_METHOD}")

    for_all(cases_of(part, max_coefficients=6), test, examples=max(3, part.profile.examples // 2))


# --- helpers ---------------------------------------------------------------------------------------------------------


def _in_float32(
    part: PartUnderTest, model: AutoregressiveModel, context: Tensor | None
) -> tuple[AutoregressiveModel, Tensor | None]:
    """A backbone's model in float32, as it is used, which is faster; the models of other parts as they are.

    A head's values, rounded to float32, need not be among those that were enumerated.
    """
    if part.kind != "backbone":
        return model, context
    return model.float(), None if context is None else context.float()


def _with_evidence(model: AutoregressiveModel, x: Tensor, mask: Tensor, context: Tensor | None, order: Order) -> Tensor:
    """The probability of every event that agrees with the evidence, visited first, up to a constant."""
    values, probability = joint(model, context, order=order)
    if model.ordering.adaptive:
        contexts = None if context is None else context.expand(len(values), -1)
        standard, first = model.standardize(values), mask.expand(values.shape)
        log_prob = model.distribution(replay(model, standard, contexts, first).parameters).log_prob(standard)
        probability = flatten_events(torch.where(first, 0.0, log_prob)).sum(1).exp()
    agreeing = (values == x).reshape(len(values), -1)[:, mask.flatten()].all(1)
    return torch.where(agreeing, probability, 0.0)


def _require_frequencies(samples: Tensor, values: Tensor, probability: Tensor) -> None:
    same = (samples.reshape(len(samples), 1, -1) == values.reshape(1, len(values), -1)).all(2)
    if not (same.sum(1) == 1).all():
        raise CheckFailed("a sample is not in the support")
    counts = same.sum(0)
    level = p_value(counts, probability)
    if level < SIGNIFICANCE:
        worst = int((counts / len(samples) - probability).abs().argmax())
        raise CheckFailed(
            f"{values[worst].tolist()} was drawn {int(counts[worst])} times of {len(samples)}, its probability is"
            f" {probability[worst].item():.4f} (chi-square test, p = {level:.1g})"
        )
