"""Properties of every backbone besides causality: finite, deterministic, free of side effects, and trainable."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from tensorar.backbone import Backbone
from tensorar.testing.checks.comparison import inputs, require_same
from tensorar.testing.generate.cases import Case
from tensorar.testing.generate.part_cases import cases_of, growing_cases
from tensorar.testing.generate.reference_parts import Die
from tensorar.testing.oracles import parameters_of
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.properties import for_all
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed


@check("backbone")
def finite(part: PartUnderTest) -> None:
    """Parameters are finite, with initial and with random weights."""

    def test(case: Case) -> None:
        for model in (case.initial_model().double().eval(), case.mild_model()):
            if not parameters_of(model, case.events(3), case.contexts(3)).isfinite().all():
                raise CheckFailed("some parameters are not finite")

    for_all(cases_of(part), test, examples=part.profile.examples)


@check("backbone")
def same_alone_and_in_a_batch(part: PartUnderTest) -> None:
    """The parameters of an example do not depend on the rest of its batch."""

    def test(case: Case) -> None:
        model, x, context = case.model(), case.events(4), case.contexts(4)
        together = parameters_of(model, x, context)
        for row in range(4):
            alone = parameters_of(model, x[row : row + 1], None if context is None else context[row : row + 1])
            require_same(alone, together[row : row + 1], f"example {row} of 4 differs alone and in its batch")

    for_all(cases_of(part), test, examples=part.profile.examples)


@check("backbone")
def deterministic_in_eval(part: PartUnderTest) -> None:
    """In evaluation mode the same events give the same parameters, also after other events; dropout is off."""

    def test(case: Case) -> None:
        model, x, context = case.model(), case.events(3), case.contexts(3)
        first = parameters_of(model, x, context)
        parameters_of(model, case.events(3, offset=2), case.contexts(3, offset=2))
        require_same(parameters_of(model, x, context), first, "the same events give other parameters the second time")

    for_all(cases_of(part), test, examples=max(4, part.profile.examples // 2))


@check("backbone")
def no_side_effects(part: PartUnderTest) -> None:
    """A forward pass changes neither its inputs nor a parameter or buffer of the network."""

    def test(case: Case) -> None:
        for training in (False, True):
            model = case.model().train(training)
            given = inputs(case, model)
            kept, state = [copy.deepcopy(value) for value in given], copy.deepcopy(model.backbone.state_dict())
            model.backbone(*given)
            _require_inputs_kept(model.backbone, given, kept)
            # training may update running statistics, but not parameters
            names = {name for name, _ in model.backbone.named_parameters()} if training else state.keys()
            for name, value in model.backbone.state_dict().items():
                if name in names and not torch.equal(value, state[name]):
                    raise CheckFailed(f"a forward pass changed {name}")

    for_all(cases_of(part), test, examples=max(4, part.profile.examples // 2))


@check("backbone")
def depends_on_its_context(part: PartUnderTest) -> None:
    """The conditional of every coefficient depends on the context of its example, and on no other context."""

    def test(case: Case) -> None:
        model, x, context = case.mild_model(), case.events(2), case.contexts(2)
        assert context is not None
        other = torch.stack([context[0], context[1] + 1])
        before, after = (parameters_of(model, x, given) for given in (context, other))
        require_same(after[:1], before[:1], "the conditionals of example 0 changed with the context of example 1")
        unchanged = (after[1] == before[1]).all(-1)
        if unchanged.any():
            index = tuple(int(i) for i in np.unravel_index(int(unchanged.nonzero()[0, 0]), case.event_shape))
            raise CheckFailed(f"the conditional of coefficient {index} does not depend on the context")

    for_all(cases_of(part, contexts=(2,)), test, examples=part.profile.examples)


@check("backbone")
def every_parameter_gets_gradient(part: PartUnderTest) -> None:
    """Each parameter that requires a gradient gets one in at least one shape."""
    idle: set[str] = set()
    trained: set[str] = set()
    shapes = ((4,), (1, 6), (3, 3), (2, 3, 2), (2, 2, 1, 2))
    for case in growing_cases(part, shapes=shapes, head=Die(), context_features=2):
        for seed in range(2):
            model = replace(case, seed=seed).mild_model()
            model.log_prob(case.events(4), case.contexts(4)).sum().backward()
            for name, parameter in model.backbone.named_parameters():
                moved = parameter.grad is not None and bool(parameter.grad.ne(0).any())
                (trained if moved or not parameter.requires_grad else idle).add(name)
    if idle - trained:
        raise CheckFailed(f"no gradient ever reaches {', '.join(sorted(idle - trained))}")


@check("backbone")
def initializes_output_bias(part: PartUnderTest) -> None:
    """``init_output_bias`` takes parameters for every coefficient, and the network remains finite."""

    def test(case: Case) -> None:
        model = case.initial_model().double().eval()
        shape = model.backbone.signature.event_shape
        model.backbone.init_output_bias(
            torch.linspace(-1, 1, 3).double()[: case.head.parameter_count].expand(*shape, -1)
        )
        if not parameters_of(model, case.events(2), case.contexts(2)).isfinite().all():
            raise CheckFailed("some parameters are not finite after init_output_bias")

    for_all(cases_of(part), test, examples=max(4, part.profile.examples // 2))


def _require_inputs_kept(backbone: Backbone, given: Sequence[object], kept: Sequence[object]) -> None:
    names = ("features", "order", "context") if len(given) == 3 else ("features", "mask", "query", "context")
    for name, value, was in zip(names, given, kept, strict=True):
        same = torch.equal(value, was) if isinstance(value, Tensor) and isinstance(was, Tensor) else value == was
        if not same:
            raise CheckFailed(f"a forward pass of {backbone.name!r} changed its input {name}")
