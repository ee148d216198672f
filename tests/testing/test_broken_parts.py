"""The kit finds what is wrong: parts with one defect each, each found by the check that is named for it."""

import inspect
import types

import pytest

from tensorar import AutoregressiveModel
from tensorar.parts.part import Part
from tensorar.testing import CheckFailed, checks
from tests.testing import reference
from tests.testing.broken import backbones, datasets, heads, masks, models, orderings, steppers

MODULES = (orderings, heads, masks, steppers, backbones, datasets, models)
BROKEN = {part: name for module in MODULES for part, name in module.CAUGHT.items()}
RIGHT = [*reference.RIGHT, AutoregressiveModel]


def _cases(parts):
    return [pytest.param(part, check, id=f"{part.__name__}-{check.name}") for part in parts for check in checks(part)]


@pytest.mark.parametrize(("part", "check"), _cases(RIGHT))
def test_the_parts_without_the_defects_pass_everything(part, check):
    check()


@pytest.mark.parametrize("part", BROKEN, ids=lambda part: part.__name__)
def test_every_defect_is_found_by_the_check_that_is_named_for_it(part):
    check = {check.name: check for check in checks(part)}[BROKEN[part]]
    with pytest.raises(CheckFailed) as found:
        check()
    assert "\n" not in str(found.value)
    assert len(str(found.value)) > 20


def test_there_are_many_of_them_and_each_is_in_the_table():
    assert len(BROKEN) >= 25
    for module in MODULES:
        written = [value for value in vars(module).values() if inspect.isclass(value) and _is_broken(value, module)]
        assert set(written) == set(module.CAUGHT)


def _is_broken(value: type, module: types.ModuleType) -> bool:
    return value.__module__ == module.__name__ and issubclass(value, Part | AutoregressiveModel)


def test_every_check_is_the_one_that_finds_something():
    """A check that no broken part is caught by may be one that cannot fail."""
    every = {(check.kind, check.name) for part in RIGHT for check in checks(part)}
    found = {(checks(part)[0].kind, name) for part, name in BROKEN.items()}
    in_whole_models = {name for kind, name in every if kind == "model"}
    missing = {(kind, name) for kind, name in every - found if name.removesuffix("_in_a_model") not in in_whole_models}
    # described is shown to fail for an ordering; the others need what this machine or this version has not
    assert missing <= {(kind, "described") for kind in ("head", "backbone", "dataset")} | NOT_BROKEN_HERE


NOT_BROKEN_HERE = {
    ("backbone", "any_device"),
    ("head", "any_noise_gives_a_value"),
    *((kind, "run_folder_round_trip") for kind in ("ordering", "head", "backbone")),
}


def test_a_leak_is_told_in_words():
    check = {check.name: check for check in checks(masks.IgnoresTheOrder)}["no_leak_by_value"]
    with pytest.raises(CheckFailed, match=r"the conditional of coefficient \(1,\), visited at step 0, changed when"):
        check()
    check = {check.name: check for check in checks(masks.TransposedMask)}["no_leak_by_value"]
    with pytest.raises(CheckFailed) as found:
        check()
    assert str(found.value) == (
        "the conditional of coefficient (0,), visited at step 0, changed when coefficient (1,), visited at step 1,"
        " changed (shape (2,), ordering 0 1, head coin)"
    )
