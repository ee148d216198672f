"""The rule of the library, looked at from the outside: a coefficient sees only what was visited before it."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from tensorar.conditionals import all_conditionals
from tensorar.dependencies import dependency_matrix
from tensorar.model import AutoregressiveModel
from tensorar.order import Order
from tensorar.testing.check import CheckFailed, for_all
from tensorar.testing.generate.cases import Case, Subject, backbone_cases, growing_cases
from tensorar.testing.generate.reference_parts import Given
from tensorar.testing.oracles import parameters_of
from tensorar.utils.shapes import flatten_events

# two reductions of the same terms in another order may differ in their last bits, a leak differs in its first
CLOSE = 1e-10


def no_leak_by_value(subject: Subject) -> None:
    """No conditional changes when a coefficient that is visited later, or with it, changes."""

    def test(case: Case) -> None:
        _require_no_leak(case.model(), case)

    for_all(backbone_cases(subject, max_coefficients=12), test, examples=2 * subject.profile.examples)


def no_leak_as_built(subject: Subject) -> None:
    """The same with the weights that training starts from, and after a step of it."""

    def test(case: Case) -> None:
        model = case.as_built().double()
        _require_no_leak(model.eval(), case, "before any training")
        model.train()
        model.loss(case.events(4), case.contexts(4)).backward()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.grad is not None:
                    parameter.sub_(0.1 * parameter.grad)
        _require_no_leak(model.eval(), case, "after a step of training")

    for_all(backbone_cases(subject, max_coefficients=6), test, examples=max(4, subject.profile.examples // 2))


def no_leak_in_another_order(subject: Subject) -> None:
    """The same in an order that the network is asked for after it has been asked for others."""

    def test(case: Case) -> None:
        model, x, context = case.model(), case.events(1), case.contexts(1)
        backwards = Given(steps=tuple(reversed(model.order.visits.tolist())))
        for order in (Order.raster(case.event_shape), backwards.order(case.event_shape)):
            all_conditionals(model.backbone, model.features(x), order, context)
        _require_no_leak(model, case, "after other orders")
        _require_no_leak(AutoregressiveModel(case.event_shape, backwards, case.head, model.backbone), case)

    if subject.part.orders == "any":
        cases = backbone_cases(subject, max_coefficients=6, varying=True)
        for_all(cases, test, examples=max(4, subject.profile.examples // 2))


def no_leak_in_training(subject: Subject) -> None:
    """The same in training mode, of the same noise: an exact likelihood is what training needs."""

    def test(case: Case) -> None:
        model = case.model().train()
        x, context, order = case.events(3), case.contexts(3), model.order
        for t in range(len(order)):
            changed = torch.where(order.mask_before(t), x, _other(case, x))
            before, after = (_with_same_noise(model, events, context) for events in (x, changed))
            wrong = _differ(before, after).any(0) & (order.rank.flatten() <= t)
            if wrong.any():
                raise CheckFailed(
                    f"in training mode {_conditional_of(order, _first(order, wrong))} changed when the coefficients"
                    f" visited from step {t} on changed"
                )

    for_all(backbone_cases(subject, max_coefficients=6), test, examples=max(4, subject.profile.examples // 2))


def no_leak_by_nan(subject: Subject) -> None:
    """A NaN spoils every conditional after it, and no other."""

    def test(case: Case) -> None:
        model = case.model()
        x, order = case.events(1), model.order
        context = case.contexts(1)
        every = x.expand(len(order), *case.event_shape)
        at = torch.arange(len(order)).reshape(-1, *[1] * len(case.event_shape))
        spoilt = torch.where(order.rank == at, torch.nan, every)
        contexts = None if context is None else context.expand(len(order), -1)
        before, after = parameters_of(model, x, context), parameters_of(model, spoilt, contexts)
        rank = order.rank.flatten()
        for t, visited in enumerate(order.visits.tolist()):
            wrong = _differ(before[0], after[t]) & (rank <= t)
            if wrong.any():
                raise _leak(order, _first(order, wrong), visited, "became NaN")
            unspoilt = ~after[t].isnan().all(-1) & (rank > t)
            if unspoilt.any():
                raise CheckFailed(
                    f"{_conditional_of(order, _first(order, unspoilt))} is no NaN though {_visited(order, visited)} is"
                )

    for_all(backbone_cases(subject), test, examples=subject.profile.examples)


def no_leak_by_gradient(subject: Subject) -> None:
    """No conditional has a derivative by what is visited later, or with it."""

    def test(case: Case) -> None:
        model = case.model()
        wrong = dependency_matrix(model, case.events(2), case.contexts(2)) & ~model.order.causal_mask()
        if wrong.any():
            i, j = wrong.nonzero()[0].tolist()
            conditional = _conditional_of(model.order, i)
            raise CheckFailed(f"{conditional} has a derivative by {_visited(model.order, j)}")

    for_all(backbone_cases(subject), test, examples=subject.profile.examples)


def sees_its_past(subject: Subject) -> None:
    """Every coefficient depends on all that was visited before it, unless ``blind_spot`` says what it does not see."""
    if subject.part.blind_spot is not None:
        return
    for case in growing_cases(subject, shapes=((2,), (4,), (3, 3), (2, 2, 2), (1, 2, 1, 3))):
        order = case.ordering.order(case.event_shape)
        seen = ~order.causal_mask()
        for seed in range(5):
            # what no random weights show is not there
            if not seen.all():
                seen |= dependency_matrix(replace(case, seed=seed).mild_model(), case.events(3))
        if not seen.all():
            i, j = (~seen).nonzero()[0].tolist()
            conditional = _conditional_of(order, i)
            raise CheckFailed(
                f"{conditional} never depends on {_visited(order, j)}, and blind_spot is None ({case.words})"
            )


# --- how a leak is found and told -------------------------------------------------------------------------------------


def _require_no_leak(model: AutoregressiveModel, case: Case, when: str = "") -> None:
    x, context, order = case.events(1), case.contexts(1), model.order
    other, at = _other(case, x), torch.arange(len(order)).reshape(-1, *[1] * len(case.event_shape))
    one_changed = torch.where(order.rank == at, other, x)
    rest_changed = torch.where(order.rank >= at, other, x)
    events = torch.cat([x, one_changed, rest_changed])
    contexts = None if context is None else context.expand(len(events), -1)
    answers = _answers(model, events, contexts)
    rank, n = order.rank.flatten(), len(order)
    # one at a time first: what is told is then one pair of coefficients
    for first, what in ((1, "changed"), (1 + n, "and all after it changed")):
        for t, visited in enumerate(order.visits.tolist()):
            wrong = _differ(answers[0], answers[first + t]) & (rank <= t)
            if wrong.any():
                raise _leak(order, _first(order, wrong), visited, f"{what}{' ' + when if when else ''}")


def _answers(model: AutoregressiveModel, events: Tensor, contexts: Tensor | None) -> Tensor:
    parameters = all_conditionals(model.backbone, model.features(events), model.order, contexts)
    return parameters.detach().reshape(len(events), len(model.order), -1)


def _with_same_noise(model: AutoregressiveModel, events: Tensor, contexts: Tensor | None) -> Tensor:
    torch.manual_seed(0)
    return _answers(model, events, contexts)


def _other(case: Case, x: Tensor) -> Tensor:
    """Another value for every coefficient."""
    levels = case.head.parameter_count if case.head.parameter_count > 1 else 2
    return (x + 1) % levels


def _differ(one: Tensor, other: Tensor) -> Tensor:
    """Whether any parameter of a coefficient differs by more than rounding, or is a number in one of them only."""
    apart = (one - other).abs() > CLOSE + CLOSE * one.abs()
    return (apart | (one.isnan() != other.isnan())).any(-1)


def _first(order: Order, wrong: Tensor) -> int:
    """Of the coefficients that are wrong, the one that is visited first."""
    return int(torch.where(flatten_events(wrong[None])[0], order.rank.flatten(), len(order)).argmin())


def _leak(order: Order, seeing: int, seen: int, what: str) -> CheckFailed:
    return CheckFailed(f"{_conditional_of(order, seeing)} changed when {_visited(order, seen)}, {what}")


def _conditional_of(order: Order, coefficient: int) -> str:
    return f"the conditional of {_visited(order, coefficient)},"


def _visited(order: Order, coefficient: int) -> str:
    index = tuple(int(i) for i in torch.unravel_index(torch.tensor(coefficient), order.event_shape))
    return f"coefficient {index}, visited at step {int(order.rank.flatten()[coefficient])}"
