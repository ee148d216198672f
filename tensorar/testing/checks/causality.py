"""The rule of the library, tested from the outside: a coefficient depends only on those visited before it."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch

from tensorar.conditionals import all_conditionals
from tensorar.dependencies import dependency_sizes
from tensorar.model import AutoregressiveModel
from tensorar.order import Order
from tensorar.testing.checks.comparison import describing
from tensorar.testing.checks.large_events import require_long_memory
from tensorar.testing.checks.leaks import (
    GRADIENT_TOLERANCE,
    conditional_of,
    dependencies,
    differ,
    first_visited,
    leak,
    other_values,
    require_no_leak,
    results_with_same_noise,
    visited_coefficient,
)
from tensorar.testing.generate.cases import Case
from tensorar.testing.generate.large_cases import large_cases
from tensorar.testing.generate.part_cases import cases_of, growing_cases
from tensorar.testing.generate.reference_parts import FixedOrder
from tensorar.testing.kinds import is_causal, takes_any_order
from tensorar.testing.oracles import parameters_of
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.properties import for_all
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed, CheckSkipped


@check("backbone")
def no_leak_by_value(part: PartUnderTest) -> None:
    """No conditional changes with its own or a later coefficient."""

    def test(case: Case) -> None:
        require_no_leak(case.model(), case)

    for_all(cases_of(part, max_coefficients=12), test, examples=2 * part.profile.examples)


@check("backbone")
def no_leak_as_built(part: PartUnderTest) -> None:
    """The same with the initial weights, and after a training step."""

    def test(case: Case) -> None:
        model = case.initial_model().double()
        require_no_leak(model.eval(), case, "with initial weights")
        model.train()
        model.loss(case.events(4), case.contexts(4)).backward()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.grad is not None:
                    parameter.sub_(0.1 * parameter.grad)
        require_no_leak(model.eval(), case, "after a training step")

    for_all(cases_of(part, max_coefficients=6), test, examples=max(4, part.profile.examples // 2))


@check("backbone", when=takes_any_order)
def no_leak_in_another_order(part: PartUnderTest) -> None:
    """The same in an order used after other orders."""

    def test(case: Case) -> None:
        model, x, context = case.model(), case.events(1), case.contexts(1)
        backwards = FixedOrder(steps=tuple(reversed(model.order.visits.tolist())))
        for order in (Order.raster(case.event_shape), backwards.order(case.event_shape)):
            all_conditionals(model.backbone, model.features(model.standardize(x)), order, context)
        require_no_leak(model, case, "after other orders")
        require_no_leak(AutoregressiveModel(case.event_shape, backwards, case.head, model.backbone), case)

    cases = cases_of(part, max_coefficients=6, varying=True)
    for_all(cases, test, examples=max(4, part.profile.examples // 2))


@check("backbone", when=is_causal)
def no_leak_in_training(part: PartUnderTest) -> None:
    """The same in training mode, given the same noise, so that the training loss is a likelihood."""

    def test(case: Case) -> None:
        model = case.model().train()
        x, context, order = case.events(3), case.contexts(3), model.order
        for t in range(len(order)):
            changed = torch.where(order.mask_before(t), x, other_values(case, x))
            # buffers too: the power iteration of a spectral norm changes them in each pass
            state = copy.deepcopy(model.state_dict())
            before = results_with_same_noise(model, x, context)
            model.load_state_dict(state)
            after = results_with_same_noise(model, changed, context)
            wrong = differ(before, after).any(0) & (order.rank.flatten() <= t)
            if wrong.any():
                conditional = conditional_of(order, first_visited(order, wrong))
                raise CheckFailed(
                    f"in training mode {conditional} changed when the coefficients visited from step {t} on changed"
                )

    for_all(cases_of(part, max_coefficients=6), test, examples=max(4, part.profile.examples // 2))


@check("backbone")
def no_leak_by_nan(part: PartUnderTest) -> None:
    """A NaN makes every later conditional NaN, and no other."""

    def test(case: Case) -> None:
        model = case.model()
        x, order = case.events(1), model.order
        context = case.contexts(1)
        every = x.expand(len(order), *case.event_shape)
        at = torch.arange(len(order)).reshape(-1, *[1] * len(case.event_shape))
        corrupted = torch.where(order.rank == at, torch.nan, every)
        contexts = None if context is None else context.expand(len(order), -1)
        before, after = parameters_of(model, x, context), parameters_of(model, corrupted, contexts)
        rank = order.rank.flatten()
        for t, visited in enumerate(order.visits.tolist()):
            wrong = differ(before[0], after[t]) & (rank <= t)
            if wrong.any():
                raise leak(order, first_visited(order, wrong), visited, "became NaN")
            intact = ~after[t].isnan().all(-1) & (rank > t)
            if intact.any():
                conditional = conditional_of(order, first_visited(order, intact))
                raise CheckFailed(f"{conditional} is not NaN although {visited_coefficient(order, visited)} is")

    for_all(cases_of(part), test, examples=part.profile.examples)


@check("backbone")
def no_leak_by_gradient(part: PartUnderTest) -> None:
    """The derivative of a conditional with respect to its own or a later coefficient is zero."""

    def test(case: Case) -> None:
        model = case.model()
        sizes = dependency_sizes(model, case.events(2), case.contexts(2))
        # written so that NaN is a derivative
        wrong = ~(sizes <= GRADIENT_TOLERANCE * sizes.nan_to_num().amax()) & ~model.order.causal_mask()
        if wrong.any():
            i, j = wrong.nonzero()[0].tolist()
            conditional = conditional_of(model.order, i)
            raise CheckFailed(
                f"{conditional} has a nonzero derivative with respect to {visited_coefficient(model.order, j)}"
            )

    for_all(cases_of(part), test, examples=part.profile.examples)


@check("backbone")
def sees_its_past(part: PartUnderTest) -> None:
    """Every conditional depends on all earlier coefficients, unless ``blind_spot`` describes those it ignores.

    In events of 40 coefficients, on those of some early steps.
    """
    if part.part.blind_spot is not None:
        raise CheckSkipped(f"a blind spot is declared: {part.part.blind_spot}")
    for case in growing_cases(part, shapes=((2,), (4,), (3, 3), (2, 2, 2), (1, 2, 1, 3))):
        order = case.ordering.order(case.event_shape)
        depends = ~order.causal_mask()
        for seed in range(5):
            # a dependency may vanish for some random weights, but not for all
            if not depends.all():
                depends |= dependencies(replace(case, seed=seed).mild_model(), case)
        if not depends.all():
            i, j = (~depends).nonzero()[0].tolist()
            conditional, other = conditional_of(order, i), visited_coefficient(order, j)
            raise CheckFailed(f"{conditional} never depends on {other}, and blind_spot is None ({case.description})")
    for case in large_cases(part, 40):
        with describing(case):
            require_long_memory(case)
