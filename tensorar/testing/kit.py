"""Which checks there are for a part of each kind."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import ModuleType
from typing import Any, Literal

from tensorar.backbone import CausalBackbone
from tensorar.errors import SpecError
from tensorar.model import AutoregressiveModel
from tensorar.parts.part import Part
from tensorar.parts.spec import nearest
from tensorar.testing.check import QUICK, THOROUGH, Check, Profile
from tensorar.testing.checks import (
    backbones,
    causality,
    datasets,
    declarations,
    evidence_backbones,
    head_samples,
    heads,
    orderings,
    persistence,
    random_orderings,
    sampling,
    steppers,
    whole_models,
)
from tensorar.testing.generate.cases import (
    Subject,
    backbone_cases,
    head_cases,
    model_cases,
    ordering_cases,
    subject_of,
)
from tensorar.testing.kinds import kind_of

# what only some parts of a kind are asked for
FOR_EVIDENCE_BACKBONES = {"queries_as_if_each_came_alone", "knows_zero_from_unknown"}
FOR_CAUSAL_BACKBONES = {"no_leak_in_training", "stepper_is_the_forward_pass"}
# a kind of model is no part: it has no name in a spec
FOR_PARTS = {"run_folder_round_trip", "described"}

CASES: dict[str, whole_models.Cases] = {
    "backbone": backbone_cases,
    "head": head_cases,
    "ordering": ordering_cases,
    "model": model_cases,
}
LOOKED_AT: dict[str, tuple[ModuleType, ...]] = {
    "ordering": (declarations, orderings, random_orderings),
    "head": (declarations, heads, head_samples),
    "backbone": (declarations, causality, backbones, persistence, evidence_backbones, steppers),
    "dataset": (declarations, datasets),
    "model": (),
}
IN_A_MODEL: tuple[ModuleType, ...] = (whole_models, sampling)


def checks(
    part: type[Part] | type[AutoregressiveModel],
    /,
    *,
    expected_failures: Mapping[str, str] | None = None,
    profile: Literal["quick", "thorough"] = "quick",
    shapes: Sequence[tuple[int, ...]] | None = None,
    **options: Any,
) -> list[Check]:
    """The named checks that a part of its kind must pass, to be called or given to ``pytest.mark.parametrize``.

    ``options`` are the part's own; widths and levels that are not among them are made small. ``shapes`` are the event
    shapes to look at, for a part that takes few (by default any of up to 4 axes). ``expected_failures`` gives the
    reason why a check, by its name, must fail: one that passes all the same is a failure. ``profile="thorough"`` looks
    at many more cases. The same checks give the same result every time.

    Raises ``SpecError`` for an unknown name in ``expected_failures``, or something that is no part.

    >>> from tensorar.testing.generate.reference_parts import Coin
    >>> for check in checks(Coin)[:2]:
    ...     check()
    >>> [check.name for check in checks(Coin)[:2]]
    ['described', 'sums_to_one']
    """
    kind = kind_of(part)
    subject = subject_of(part, options, shapes, _profile(kind, profile))
    runs, expected = dict(_runs(kind, subject)), dict(expected_failures or {})
    for name in expected.keys() - runs.keys():
        raise SpecError(expected=f"the name of a check of a {kind}", got=repr(name), remedy=nearest(name, runs))
    named = str(getattr(part, "name", part.__name__))
    return [Check(name, kind, named, run, expected.get(name)) for name, run in runs.items()]


def _profile(kind: str, name: str) -> Profile:
    profile = THOROUGH if name == "thorough" else QUICK
    # of the simplest parts a model costs little, and three kinds of orderings are to be met
    return replace(profile, examples=4 * profile.examples) if kind == "model" else profile


def _runs(kind: str, subject: Subject) -> Iterator[tuple[str, Callable[[], None]]]:
    for module in LOOKED_AT[kind]:
        for name, check in _public(module):
            if name in _asked(kind, subject):
                yield name, partial(check, subject)
    for module in IN_A_MODEL if kind in CASES else ():
        for name, check in _public(module):
            if name in _asked(kind, subject):
                # a head sums to one alone, and in a model
                in_model = (
                    f"{name}_in_a_model"
                    if kind == "head" and name in {known for module in LOOKED_AT[kind] for known, _ in _public(module)}
                    else name
                )
                yield in_model, partial(check, subject, CASES[kind])


def _asked(kind: str, subject: Subject) -> set[str]:
    """The names of the checks that the part is asked for."""
    everything = {name for module in (*LOOKED_AT[kind], *IN_A_MODEL) for name, _ in _public(module)}
    if kind == "model":
        return everything - FOR_PARTS
    if kind != "backbone":
        return everything
    return everything - (FOR_EVIDENCE_BACKBONES if issubclass(subject.part, CausalBackbone) else FOR_CAUSAL_BACKBONES)


def _public(module: ModuleType) -> list[tuple[str, Callable[..., None]]]:
    """The checks of a module, in the order in which they are written: its functions that say None of a subject."""
    found = {name: value for name, value in vars(module).items() if inspect.isfunction(value)}
    return [
        (name, function)
        for name, function in found.items()
        if function.__module__ == module.__name__
        and not name.startswith("_")
        and next(iter(inspect.signature(function).parameters), "") == "subject"
        and inspect.signature(function).return_annotation == "None"
    ]
