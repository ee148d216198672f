"""A part in a whole model: probabilities sum to 1, samples follow them, evidence stays, and a run folder keeps all."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from hypothesis.strategies import SearchStrategy
from torch import Tensor

from tensorar.errors import SpecError
from tensorar.evidence import Evidence
from tensorar.model import AutoregressiveModel
from tensorar.order import Order
from tensorar.parts.part import Part
from tensorar.parts.spec import PartSpec
from tensorar.recipe import Recipe
from tensorar.runs.run import Run
from tensorar.sampling import Method
from tensorar.shapes import flatten_events
from tensorar.testing.cases import Case, Subject
from tensorar.testing.check import LEVEL, CheckFailed, for_all
from tensorar.testing.oracles import all_values, joint, levels_of, p_value
from tensorar.testing.probes import registry_with

Cases = Callable[..., SearchStrategy[Case]]
METHODS: tuple[Method, ...] = ("plain", "cached", "fixed-point")
# values of the event, at most, where all are enumerated
ROWS = 300


def sums_to_one(subject: Subject, cases: Cases) -> None:
    """The probabilities of all values of the event sum to 1, for each context."""

    def test(case: Case) -> None:
        if not _few(case):
            return
        total = joint(case.model(), case.contexts(1))[1].sum().item()
        if not abs(total - 1) < 1e-8:
            raise CheckFailed(f"the probabilities of all values sum to {total:.9g}")

    for_all(cases(subject, max_coefficients=5), test, examples=subject.profile.examples)


def sums_to_one_under_evidence(subject: Subject, cases: Cases) -> None:
    """The probabilities of all completions of any evidence sum to 1."""

    def test(case: Case) -> None:
        if not _few(case):
            return
        model, context = case.model(), case.contexts(1)
        mask = _evidence_mask(model)
        order = model.visiting(mask[None])[0][1]
        values = all_values(model.event_shape, levels_of(case.head) or 0)
        values = values[(values == case.events(1)).reshape(len(values), -1)[:, mask.flatten()].all(1)]
        contexts = None if context is None else context.expand(len(values), -1)
        nats = model.conditionals(values, contexts, order=order).log_prob(values)
        sums = flatten_events(torch.where(mask, 0.0, nats)).sum(1).exp().sum().item()
        if not abs(sums - 1) < 1e-8:
            raise CheckFailed(f"the completions of evidence at {mask.flatten().tolist()} sum to {sums:.9g}")

    for_all(cases(subject, max_coefficients=5), test, examples=2 * subject.profile.examples)


def one_by_one(subject: Subject, cases: Cases) -> None:
    """The likelihood is the sum of the conditionals asked for one by one."""

    def test(case: Case) -> None:
        model, x, context = case.model(), case.events(3), case.contexts(3)
        for order in model.orders[:1]:
            total = torch.zeros(3, dtype=torch.float64)
            for t, coefficient in enumerate(order.visits):
                known = order.evidence(x, t)
                parameters = model.query(known, coefficient.expand(3, 1), order, context)[:, 0]
                chosen = coefficient.expand(3)
                total = total + model.distribution(parameters, chosen).log_prob(flatten_events(x)[:, coefficient])
            together = model.log_prob(x, context, order=order)
            if not torch.allclose(total, together, rtol=1e-9, atol=1e-9):
                raise CheckFailed(
                    f"log_prob is {together[0].item():.9g}, the conditionals one by one sum to {total[0].item():.9g}"
                )

    for_all(cases(subject, max_coefficients=6), test, examples=subject.profile.examples)


def samples_follow_the_probabilities(subject: Subject, cases: Cases) -> None:
    """Samples are as frequent as they are probable: a chi-square test at the level 1e-4, with a fixed seed."""

    def test(case: Case) -> None:
        if not _few(case, 100):
            return
        model, context = case.model(spread=0.5), case.contexts(1)
        values, probability = joint(model, context)
        samples = model.sample(subject.profile.draws, context=context, generator=torch.Generator().manual_seed(1))
        _require_frequencies(samples, values, probability)

    for_all(cases(subject, max_coefficients=4), test, examples=max(3, subject.profile.examples // 20))


def completions_follow_the_probabilities(subject: Subject, cases: Cases) -> None:
    """The same of completions of evidence that the order visits first."""

    def test(case: Case) -> None:
        if not _few(case, 100):
            return
        model, context = case.model(spread=0.5), case.contexts(1)
        order = model.orders[0]
        mask = order.before(len(order) // 2)
        x = case.events(1)
        members = [order for order in model.orders if torch.equal(order.before(len(order) // 2), mask)]
        if not model.ordering.fixed and not model.ordering.ensemble:
            members = [model.order.observed_first(mask)]
        probability = torch.stack([_given_evidence(model, x, mask, context, order) for order in members]).mean(0)
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
            if not torch.allclose(samples, drawn["plain"], rtol=1e-6, atol=1e-6):
                raise CheckFailed(f"sampling by the method {method} gives other samples than the plain loop")

    for_all(cases(subject, max_coefficients=4), test, examples=max(3, subject.profile.examples // 2))


def run_folder_round_trip(subject: Subject, cases: Cases) -> None:
    """A model opened from its run folder is the model that was saved."""

    def test(case: Case) -> None:
        kind = _kind_of(subject.part)
        registry = registry_with(kind, subject.part)
        parts: dict[str, Any] = {
            "ordering": _spec(case.ordering, subject),
            "head": _spec(case.head, subject),
            "backbone": PartSpec(case.backbone.name, _options(case.options)),
            "dataset": PartSpec("counted", {"shape": " ".join(map(str, case.event_shape))}),
        }
        with tempfile.TemporaryDirectory() as folder:
            run = Run.create(
                Path(folder) / "run",
                Recipe(**parts),
                case.event_shape,
                context_features=case.context_features,
                registry=registry,
            )
            model = run.new_model()
            model.load_state_dict({k: v.float() for k, v in case.mild_model().state_dict().items()})
            run.save_recipe()
            run.save_model(model)
            opened = Run.open(run.folder, registry=registry).model
        x, context = case.events(3), case.contexts(3)
        if not torch.equal(opened.log_prob(x, context), model.eval().log_prob(x, context)):
            raise CheckFailed("a model opened from its run folder has other likelihoods than the one saved")

    for_all(cases(subject, max_coefficients=5), test, examples=max(3, subject.profile.examples // 4))


# --- what the checks share -------------------------------------------------------------------------------------------


def _few(case: Case, rows: int = ROWS) -> bool:
    levels = levels_of(case.head)
    return levels is not None and levels ** len(case.ordering.order(case.event_shape)) <= rows


def _evidence_mask(model: AutoregressiveModel) -> Tensor:
    """Any coefficients where the order varies, those that come first where it is fixed."""
    if model.ordering.fixed or model.ordering.ensemble:
        order = model.orders[0]
        return order.before(int(torch.randint(len(order), ())))
    return torch.rand(model.event_shape) < 0.5


def _given_evidence(
    model: AutoregressiveModel, x: Tensor, mask: Tensor, context: Tensor | None, order: Order
) -> Tensor:
    """The probability of every value of the event given the evidence, in an order that visits the evidence first."""
    values, probability = joint(model, context, order=order)
    agreeing = (values == x).reshape(len(values), -1)[:, mask.flatten()].all(1)
    probability = torch.where(agreeing, probability, 0.0)
    return probability / probability.sum()


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


def _kind_of(part: type[Part]) -> str:
    return next(k for k in ("Ordering", "Head", "Backbone") if any(c.__name__ == k for c in part.__mro__)).lower()


def _spec(part: Part, subject: Subject) -> PartSpec:
    """The spec that makes a part again: the one that is looked at, or one of the simplest."""
    if type(part) is subject.part:
        return PartSpec(part.name, _options(subject.options))
    return PartSpec(part.name, _options({name: getattr(part, name) for name in part.option_parameters()}))


def _options(options: dict[str, Any]) -> dict[str, Any]:
    """Options as a spec writes them."""
    return {
        key: " ".join(map(str, value)) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value
        for key, value in options.items()
        if value is not None
    }
