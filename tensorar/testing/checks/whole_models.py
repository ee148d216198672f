"""A part in a whole model: probabilities sum to 1 under any evidence, and a run folder restores the model."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tensorar.head import Head
from tensorar.model import AutoregressiveModel
from tensorar.parts.part import Part
from tensorar.parts.spec import PartSpec
from tensorar.runs.provenance import provenance_of
from tensorar.runs.recipe import Recipe
from tensorar.runs.run import Run
from tensorar.testing.generate.cases import Case
from tensorar.testing.generate.option_values import spec_of, spec_options
from tensorar.testing.generate.part_cases import cases_of
from tensorar.testing.generate.reference_parts import registry_with
from tensorar.testing.oracles import all_events, event_count, joint
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.properties import for_all
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed, CheckSkipped
from tensorar.utils.shapes import flatten_events

# events enumerated to sum their probabilities
MAX_EVENTS = 300


@check("ordering", "backbone", "model")
@check("head", name="sums_to_one_in_a_model")
def sums_to_one(part: PartUnderTest) -> None:
    """The probabilities of all events sum to 1, for each context."""

    def test(case: Case) -> None:
        require_few_events(case)
        total = joint(case.model(), case.contexts(1))[1].sum().item()
        if not abs(total - 1) < 1e-8:
            raise CheckFailed(f"the probabilities of all events sum to {total:.9g}")

    for_all(cases_of(part, max_coefficients=5), test, examples=part.profile.examples)


@check("ordering", "head", "backbone", "model")
def sums_to_one_under_evidence(part: PartUnderTest) -> None:
    """The probabilities of all completions of any evidence sum to 1."""

    def test(case: Case) -> None:
        require_few_events(case)
        model, context = case.model(), case.contexts(1)
        mask = evidence_mask(model)
        order = model.orders_for_completion(mask[None])[0][1]
        values = model.restore(all_events(case.head, model.event_shape))
        values = values[(values == case.events(1)).reshape(len(values), -1)[:, mask.flatten()].all(1)]
        contexts = None if context is None else context.expand(len(values), -1)
        nats = model.conditionals(values, contexts, order=order).log_prob(values)
        sums = flatten_events(torch.where(mask, 0.0, nats)).sum(1).exp().sum().item()
        if not abs(sums - 1) < 1e-8:
            raise CheckFailed(f"the completions of evidence at {mask.flatten().tolist()} sum to {sums:.9g}")

    for_all(cases_of(part, max_coefficients=5), test, examples=2 * part.profile.examples)


@check("ordering", "head", "backbone", "model")
def conditionals_add_up_to_log_prob(part: PartUnderTest) -> None:
    """``log_prob`` is the sum of the conditionals queried one by one."""

    def test(case: Case) -> None:
        model, x, context = case.model(), case.events(3), case.contexts(3)
        order, standard = model.order, model.standardize(x)
        total = -model.log_scale(standard)
        for t, coefficient in enumerate(order.visits):
            known = order.evidence_before(standard, t)
            parameters = model.query(known, coefficient.expand(3, 1), order, context)[:, 0]
            chosen = coefficient.expand(3)
            total = total + model.distribution(parameters, chosen).log_prob(flatten_events(standard)[:, coefficient])
        together = model.log_prob(x, context, order=order)
        if not torch.allclose(total, together, rtol=1e-9, atol=1e-9):
            raise CheckFailed(
                f"log_prob is {together[0].item():.9g}, the conditionals one by one sum to {total[0].item():.9g}"
            )

    for_all(cases_of(part, max_coefficients=6), test, examples=part.profile.examples)


@check("ordering", "head", "backbone")
def run_folder_round_trip(part: PartUnderTest) -> None:
    """A model opened from its run folder has the likelihoods of the model that was saved."""

    def test(case: Case) -> None:
        registry = registry_with(part.kind, part.part, *_parts_of(case.head))
        parts: dict[str, Any] = {
            "ordering": _spec(case.ordering, part),
            "head": _spec(case.head, part),
            "backbone": PartSpec(case.backbone.name, spec_options(case.options)),
            "dataset": PartSpec("counting", {"shape": " ".join(map(str, case.event_shape))}),
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
        # frozen as opened models are: torch adds some products in another order for gradients
        model.eval().requires_grad_(False)
        if not torch.equal(opened.log_prob(x, context), model.log_prob(x, context)):
            raise CheckFailed("a model opened from its run folder has other likelihoods than the one saved")

    for_all(cases_of(part, max_coefficients=5), test, examples=max(3, part.profile.examples // 4))


# --- helpers ---------------------------------------------------------------------------------------------------------


def require_few_events(case: Case, most: int = MAX_EVENTS) -> None:
    """Raise ``CheckSkipped`` unless all events can be enumerated."""
    count = event_count(case.head, case.event_shape)
    if count is None:
        raise CheckSkipped(f"the values of the head {case.head.name} cannot be enumerated")
    if count > most:
        raise CheckSkipped(f"there are more than {most} events of shape {case.event_shape}")


def evidence_mask(model: AutoregressiveModel) -> Tensor:
    """A random mask: any coefficients for random orders, the first ones of a fixed order or an ensemble."""
    if not model.ordering.any_order:
        order = model.orders[0]
        return order.mask_before(int(torch.randint(len(order), ())))
    return torch.rand(model.event_shape) < 0.5


def _spec(component: Part, part: PartUnderTest) -> PartSpec:
    """The spec that makes the part under test, or a reference part."""
    return PartSpec(component.name, spec_options(part.options)) if type(component) is part.part else spec_of(component)


def _parts_of(head: Head) -> list[type[Part]]:
    """The classes of the heads that a head is made of."""
    return [type(member) for member in head.members if member is not head]
