"""State that networks must not share: with others of the process, with earlier weights, with another process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor

from tensorar.model import AutoregressiveModel
from tensorar.runs.tensors import checksum
from tensorar.testing.another_process import in_another_process
from tensorar.testing.checks.comparison import describing, require_same
from tensorar.testing.checks.stepped_events import SteppedEvents, require_own_stepper
from tensorar.testing.generate.cases import Case
from tensorar.testing.generate.option_values import other_values
from tensorar.testing.generate.part_cases import growing_cases
from tensorar.testing.generate.reference_parts import Die
from tensorar.testing.kinds import Shape, is_causal
from tensorar.testing.oracles import parameters_of
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed
from tensorar.utils.random_state import seed_all

T = TypeVar("T")
# pairs of shapes have equally many coefficients, and so have axes of a shape
SHAPES: tuple[Shape, ...] = ((6,), (2, 3), (3, 2), (2, 3, 2), (3, 2, 2), (1, 2, 2, 3))


@check("backbone")
def unaffected_by_other_networks(part: PartUnderTest) -> None:
    """Networks of other shapes and options, made and used in between, change neither a network nor new ones like it."""
    for case in growing_cases(part, shapes=SHAPES)[:1]:
        with describing(case):
            model, x = _seeded(case), case.events(3)
            initial = {name: tensor.clone() for name, tensor in model.state_dict().items()}
            before = _results(model, x)
            for other in _others(part, case):
                without_errors(_use, other)
            require_same(_results(model, x), before, "a network changed when others were made and used")
            _require_same_state(_seeded(case), initial, "after others were made, a new network starts with another")
            require_same(_results(_seeded(case), x), before, "after others were made, a new network differs")


@check("backbone")
def same_in_another_process(part: PartUnderTest) -> None:
    """In another process, with other hashes and other networks made before, weights and parameters are the same."""
    first = growing_cases(part, shapes=SHAPES, head=Die(), context_features=2)
    cases = [*first, *(other for case in first[:1] for other in _others(part, case)[: len(other_options(part))])]
    here = [weights_and_parameters(case) for case in cases]
    there = in_another_process(all_reversed, part.part, cases)
    for case, (weights, parameters), (other_weights, other_parameters) in zip(cases, here, there, strict=True):
        with describing(case, "in another process "):
            if weights != other_weights:
                raise CheckFailed("a network starts with other weights from the same seed")
            require_same(other_parameters, parameters, "the parameters of a network differ")


@check("backbone")
def follows_its_weights(part: PartUnderTest) -> None:
    """After an optimizer's step, an assignment or ``load_state_dict``, the parameters are those of the new weights."""
    for case in growing_cases(part, shapes=SHAPES, context_features=2)[:1]:
        with describing(case):
            model, x, context = case.model(), case.events(3), case.contexts(3)
            for what, how in (("a step", _optimize), ("an assignment in place", _assign), ("load_state_dict", _load)):
                with torch.no_grad():
                    parameters_of(model, x, context)
                how(model, case)
                fresh = case.initial_model().double().eval()
                fresh.load_state_dict(model.state_dict())
                with torch.no_grad():
                    got, expected = (parameters_of(network, x, context) for network in (model, fresh))
                require_same(got, expected, f"parameters are those of earlier weights after {what}")


@check("backbone", when=is_causal)
def steppers_are_independent(part: PartUnderTest) -> None:
    """Steppers used alternately: of two networks, of batches of 1, 3 and 5, with other contexts."""
    require_own_stepper(part.part)
    for case in growing_cases(part, shapes=SHAPES, context_features=2)[:2]:
        with describing(case):
            models = [case.model(), replace(case, seed=case.seed + 1).model()]
            walks = [
                SteppedEvents(models[k % 2], case.events(batch, offset=k), case.contexts(batch, offset=k))
                for k, batch in enumerate((3, 3, 1, 5, 3, 5))
            ]
            for _ in models[0].order.visits:
                for walk in walks:
                    walk.step(", used alternately with others,")


def weights_and_parameters(case: Case) -> tuple[str, Tensor]:
    """A checksum of the initial weights from a seed, and parameters with weights that a generator draws."""
    weights = checksum(_seeded(case).state_dict(), {})
    with torch.no_grad():
        return weights, parameters_of(case.model(), case.events(2), case.contexts(2))


def all_reversed(part: type, cases: Sequence[Case]) -> list[tuple[str, Tensor]]:
    """The results for cases of a part, computed from the last to the first."""
    return [weights_and_parameters(case) for case in reversed(cases)][::-1]


def other_options(part: PartUnderTest) -> list[dict[str, object]]:
    """One other value for each option that was not set."""
    names = [name for name in part.part.option_parameters() if name not in part.given]
    return [{name: value} for name in names for value in other_values(part, name)[:1]]


# --- helpers ---------------------------------------------------------------------------------------------------------


def _others(part: PartUnderTest, case: Case) -> list[Case]:
    """The case with other options that are accepted, then with another head and a context, and in other shapes."""
    changed = [replace(case, options={**case.options, **change}) for change in other_options(part)]
    shapes = growing_cases(part, shapes=SHAPES)
    return [
        *(other for other in changed if without_errors(other.initial_model) is not None),
        replace(shapes[0], head=Die(), context_features=2),
        *shapes,
    ]


def without_errors(function: Callable[..., T], *arguments: object) -> T | None:
    """The result of a function, or None if it raises an error: others have to be used, not to be right."""
    try:
        return function(*arguments)
    except Exception:
        return None


def _seeded(case: Case) -> AutoregressiveModel:
    seed_all(0)
    return case.initial_model().double().eval()


def _use(case: Case) -> None:
    model = case.model()
    for network, dtype in ((model, torch.float64), (model.float(), torch.float32)):
        with torch.no_grad():
            context = case.contexts(5)
            parameters_of(network, case.events(5).to(dtype), None if context is None else context.to(dtype))


def _results(model: AutoregressiveModel, x: Tensor) -> Tensor:
    with torch.no_grad():
        return parameters_of(model, x)


def _require_same_state(model: AutoregressiveModel, initial: dict[str, Tensor], message: str) -> None:
    for name, tensor in model.state_dict().items():
        if not torch.equal(tensor, initial[name]):
            raise CheckFailed(f"{message} {name}")


def _optimize(model: AutoregressiveModel, case: Case) -> None:
    """A step as of an optimizer."""
    model.log_prob(case.events(3), case.contexts(3)).sum().backward()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.add_(parameter.grad, alpha=-0.1)


def _assign(model: AutoregressiveModel, case: Case) -> None:
    """An assignment in place."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter * -0.7 + 0.3)


def _load(model: AutoregressiveModel, case: Case) -> None:
    """Loading a state."""
    model.load_state_dict(replace(case, seed=case.seed + 1).model().state_dict())
