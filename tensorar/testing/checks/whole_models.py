"""A part in a whole model: probabilities sum to 1 under any evidence, and a run folder keeps all."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from hypothesis.strategies import SearchStrategy
from torch import Tensor

from tensorar.model import AutoregressiveModel
from tensorar.parts.part import Part
from tensorar.parts.spec import PartSpec
from tensorar.runs.provenance import provenance_of
from tensorar.runs.recipe import Recipe
from tensorar.runs.run import Run
from tensorar.testing.check import CheckFailed, for_all
from tensorar.testing.generate.cases import Case, Subject
from tensorar.testing.generate.reference_parts import registry_with
from tensorar.testing.kinds import kind_of
from tensorar.testing.oracles import all_values, joint, levels_of
from tensorar.utils.shapes import flatten_events

Cases = Callable[..., SearchStrategy[Case]]
# values of the event, at most, where all are enumerated
ROWS = 300


def sums_to_one(subject: Subject, cases: Cases) -> None:
    """The probabilities of all values of the event sum to 1, for each context."""

    def test(case: Case) -> None:
        if not few_values(case):
            return
        total = joint(case.model(), case.contexts(1))[1].sum().item()
        if not abs(total - 1) < 1e-8:
            raise CheckFailed(f"the probabilities of all values sum to {total:.9g}")

    for_all(cases(subject, max_coefficients=5), test, examples=subject.profile.examples)


def sums_to_one_under_evidence(subject: Subject, cases: Cases) -> None:
    """The probabilities of all completions of any evidence sum to 1."""

    def test(case: Case) -> None:
        if not few_values(case):
            return
        model, context = case.model(), case.contexts(1)
        mask = evidence_mask(model)
        order = model.orders_for_completion(mask[None])[0][1]
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
        order, total = model.order, torch.zeros(3, dtype=torch.float64)
        for t, coefficient in enumerate(order.visits):
            known = order.evidence_before(x, t)
            parameters = model.query(known, coefficient.expand(3, 1), order, context)[:, 0]
            chosen = coefficient.expand(3)
            total = total + model.distribution(parameters, chosen).log_prob(flatten_events(x)[:, coefficient])
        together = model.log_prob(x, context, order=order)
        if not torch.allclose(total, together, rtol=1e-9, atol=1e-9):
            raise CheckFailed(
                f"log_prob is {together[0].item():.9g}, the conditionals one by one sum to {total[0].item():.9g}"
            )

    for_all(cases(subject, max_coefficients=6), test, examples=subject.profile.examples)


def run_folder_round_trip(subject: Subject, cases: Cases) -> None:
    """A model opened from its run folder is the model that was saved."""

    def test(case: Case) -> None:
        kind = kind_of(subject.part)
        registry = registry_with(kind, subject.part)
        parts: dict[str, Any] = {
            "ordering": _spec(case.ordering, subject),
            "head": _spec(case.head, subject),
            "backbone": PartSpec(case.backbone.name, _options(case.options)),
            "dataset": PartSpec("counted", {"shape": " ".join(map(str, case.event_shape))}),
        }
        with tempfile.TemporaryDirectory() as folder:
            provenance = provenance_of(Recipe(**parts), case.event_shape, case.context_features, registry)
            run = Run(Path(folder) / "run", Recipe(**parts), provenance, registry)
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


def few_values(case: Case, rows: int = ROWS) -> bool:
    """Whether the values of an event can be enumerated."""
    levels = levels_of(case.head)
    return levels is not None and levels ** len(case.ordering.order(case.event_shape)) <= rows


def evidence_mask(model: AutoregressiveModel) -> Tensor:
    """Any coefficients where the order varies, those that come first where it is fixed."""
    if model.ordering.fixed or model.ordering.ensemble:
        order = model.orders[0]
        return order.mask_before(int(torch.randint(len(order), ())))
    return torch.rand(model.event_shape) < 0.5


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
