"""The options of a backbone: the contract holds with any choice of them, and each has an effect."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from tensorar.errors import TensorarError
from tensorar.model import AutoregressiveModel
from tensorar.testing.checks.comparison import describing, require_same
from tensorar.testing.checks.large_events import require_no_leak_at_some_steps
from tensorar.testing.checks.stepped_events import SteppedEvents
from tensorar.testing.checks.training import require_finite_training
from tensorar.testing.generate.cases import Case
from tensorar.testing.generate.large_cases import large_cases
from tensorar.testing.generate.option_values import choices, other_values, written
from tensorar.testing.generate.part_cases import growing_cases
from tensorar.testing.generate.reference_parts import Die, RandomOrder
from tensorar.testing.generate.values import randomize
from tensorar.testing.kinds import Shape, is_causal, takes
from tensorar.testing.oracles import parameters_of
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed, CheckSkipped
from tensorar.utils.operation_mode import OperationMode
from tensorar.utils.random_state import seed_all

SHAPES: tuple[Shape, ...] = ((13,), (4, 5), (2, 3, 3), (2, 2, 3, 2))


@check("backbone")
def default_options_keep_the_contract(part: PartUnderTest) -> None:
    """With its default widths and depths: no leak, equal steps, the same in a batch, finite losses and gradients."""
    for case in large_cases(part, 40, options=part.given)[:1]:
        with describing(case, "with default options "):
            require_contract(case)


@check("backbone")
def every_choice_keeps_the_contract(part: PartUnderTest) -> None:
    """The same with every value of every option that is a ``Literal`` or a ``bool``."""
    tested = False
    for option, value in choices(part):
        if option in part.given:
            continue
        for case in growing_cases(part, shapes=SHAPES, head=Die(), context_features=2)[:2]:
            chosen = replace(case, options={**part.options, option: value})
            if _accepted(chosen):
                tested = True
                with describing(chosen, f"with {written({option: value})} "):
                    require_contract(chosen)
    if not tested:
        raise CheckSkipped("no option is a choice between values")


@check("backbone")
def every_option_has_an_effect(part: PartUnderTest) -> None:
    """Each option changes the parameters, the outputs, or the operations that compute them, in some setting."""
    for option in part.part.option_parameters():
        tried = [{option: value} for value in other_values(part, option)]
        if tried and not _has_effect(part, tried):
            raise CheckFailed(f"the option {option} has no effect (tried {', '.join(map(written, tried))})")


def require_contract(case: Case) -> None:
    """Raise ``CheckFailed`` unless the network of a case keeps the most important parts of the contract."""
    model = case.mild_model()
    if is_causal(case.backbone):
        require_no_leak_at_some_steps(model, case)
        SteppedEvents.of(case, model).finish()
    _require_same_in_a_batch(model, case)
    require_finite_training(case.initial_model(), case)


# --- helpers ---------------------------------------------------------------------------------------------------------


def _require_same_in_a_batch(model: AutoregressiveModel, case: Case) -> None:
    x, context = case.events(3), case.contexts(3)
    with torch.no_grad():
        together = parameters_of(model, x, context)
        alone = parameters_of(model, x[1:2], None if context is None else context[1:2])
    require_same(alone, together[1:2], "an example differs alone and in a batch of 3")


def _has_effect(part: PartUnderTest, tried: list[dict[str, Any]]) -> bool:
    """Whether any of these changes of one option has an effect in some setting, or all are refused."""
    cases = growing_cases(part, shapes=SHAPES, head=Die(), context_features=2)
    accepted = [change for change in tried if _made(replace(cases[0], options=part.options | change)) is not None]
    (option,) = tried[0]
    settings = _settings(part, option)
    return not accepted or any(
        _differs(replace(varied, options=base), accepted[: None if base is part.options else 1])
        for base in settings
        for case in cases
        for varied in _orderings(part, case)
    )


def _settings(part: PartUnderTest, option: str) -> list[dict[str, Any]]:
    """The options of the part, and these with one other option changed: some matter together with another one only."""
    others = [name for name in part.part.option_parameters() if name != option and name not in part.given]
    changes = [{name: value} for name in others for value in other_values(part, name)[:2]]
    # options that switch something on are the likely ones
    changes.sort(key=lambda change: type(next(iter(change.values()))) not in (bool, str))
    return [part.options, *({**part.options, **change} for change in changes)]


def _orderings(part: PartUnderTest, case: Case) -> Iterator[Case]:
    yield case
    if takes(part.part, case.event_shape, ()):
        steps = tuple(range(math.prod(case.event_shape)))
        yield replace(case, ordering=RandomOrder(steps=steps))


def _differs(case: Case, changes: list[dict[str, Any]]) -> bool:
    """Whether one of these options changes the network of a case."""
    model = _made(case)
    if model is None:
        return False
    made = []
    # the initial state first: most options change it
    for changed in (replace(case, options={**case.options, **change}) for change in changes):
        other = _made(changed)
        if other is not None and not _equal(_state(model), _state(other)):
            return True
        made += [] if other is None else [(changed, other)]
    before = _behaviour(model, case) if made else []
    return any(not _equal(before, _behaviour(other, changed)) for changed, other in made)


def _accepted(case: Case) -> bool:
    """Whether options are accepted; an error other than ``TensorarError`` is left to the contract."""
    try:
        case.initial_model()
    except TensorarError:
        return False
    except Exception:
        return True
    return True


def _made(case: Case) -> AutoregressiveModel | None:
    """The model, with the same random numbers each time, or None if it cannot be made."""
    seed_all(0)
    try:
        return case.initial_model().double()
    except Exception:
        return None


def _state(model: AutoregressiveModel) -> list[Any]:
    return [*model.state_dict().items()]


def _behaviour(model: AutoregressiveModel, case: Case) -> list[Any]:
    """Parameters in evaluation mode and in training mode, and the names and shapes of operations."""
    x, context, recorder = case.events(3), case.contexts(3), _Operations()
    randomize(model, case.seed)
    seed_all(0)
    with recorder:
        parameters = parameters_of(model, x, context)
        model.train().loss(x, context).backward()
        trained = parameters_of(model, x, context)
        if is_causal(case.backbone):
            SteppedEvents(model.eval(), x[:1], None if context is None else context[:1]).step()
    return [parameters.detach(), trained.detach(), recorder.names]


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return torch.equal(one, other)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other)


class _Operations(OperationMode):
    """The operations of torch, with the shapes of their arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        shapes = [tuple(value.shape) for value in tree_leaves(args) if isinstance(value, Tensor)]
        self.names.append(f"{func} {shapes}")
        return func(*args, **(kwargs or {}))
