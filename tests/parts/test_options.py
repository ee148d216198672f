"""A part's keyword-only arguments are its options: their names, their types and their defaults."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorar import SpecError, default_registry
from tensorar.parts.part import Part, coerce, option_name, type_name
from tensorar.parts.spec import KINDS

ALL = [(kind, name) for kind in KINDS if kind != "recipe" for name in default_registry().parts(kind)]
anything = st.booleans() | st.integers() | st.floats() | st.text()


class Many(Part):
    """A part with an option of each type."""

    name = "many"

    def __init__(
        self,
        given_first: int = 0,
        *,
        needed: int,
        flag: bool = False,
        share: float = 0.5,
        word: str = "",
        axes: tuple[int, ...] | None = None,
        mode: Literal["slow", "fast"] = "slow",
        **sizes: int,
    ):
        self.needed = needed


def test_options_are_the_keyword_only_arguments_and_no_others():
    assert list(Many.option_parameters()) == ["needed", "flag", "share", "word", "axes", "mode"]
    assert Many.option_parameters()["axes"].annotation == tuple[int, ...] | None
    assert Many.free_option_type() is int
    assert Many.description() == "A part with an option of each type."


@pytest.mark.parametrize(
    ("value", "kind", "result"),
    [
        (3, int, 3),
        (3, float, 3.0),
        (True, bool, True),
        (3, str, "3"),
        ("none", int | None, None),
        ("None", tuple[int, ...] | None, None),
        (5, int | None, 5),
        ("2 0 -1", tuple[int, ...], (2, 0, -1)),
        (2, tuple[int, ...], (2,)),
        ("", tuple[int, ...], ()),
        ("fast", Literal["slow", "fast"], "fast"),
        (4, Any, 4),
    ],
)
def test_values_that_fit(value, kind, result):
    found = coerce(value, kind, where="it")
    assert (found, type(found)) == (result, type(result))


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (True, int, "integer"),
        (1.0, int, "integer"),
        ("many", int, "integer"),
        (1, bool, "true | false"),
        ("yes", bool, "true | false"),
        (False, float, "number"),
        ("much", float, "number"),
        (10**400, float, "number"),
        ("a b", tuple[int, ...], "integers"),
        (1.5, tuple[int, ...] | None, "integers | none"),
        ("slower", Literal["slow", "fast"], "slow | fast"),
        ("x", int | None, "integer | none"),
    ],
)
def test_values_that_do_not_fit(value, kind, message):
    with pytest.raises(SpecError) as error:
        coerce(value, kind, where="it")
    assert error.value.expected == f"it to be {message}"
    assert type_name(kind) == message
    assert "\n" not in str(error.value)


@given(value=anything, kind=st.sampled_from([int, float, bool, str, int | None, tuple[int, ...], Literal["a", "b"]]))
def test_any_value_fits_or_is_reported(value, kind):
    try:
        found = coerce(value, kind, where="it")
    except SpecError as error:
        assert "\n" not in str(error)
    else:
        assert found is None or isinstance(found, int | float | str | tuple)


# --- the installed parts ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_every_part_has_a_one_line_description(kind, name):
    part = default_registry().find(kind, name).part
    assert part.name == name
    assert 10 < len(part.description()) < 120
    assert part.description().rstrip().endswith((".", "?"))
    assert default_registry().find(kind, name).description == part.description()


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_every_option_has_a_type_and_a_default_of_that_type(kind, name):
    part = default_registry().find(kind, name).part
    for option, parameter in part.option_parameters().items():
        assert parameter.annotation is not Any, option
        assert "<" not in type_name(parameter.annotation)
        if parameter.default is not parameter.empty and isinstance(parameter.default, bool | int | float | str):
            assert coerce(parameter.default, parameter.annotation, where=option) == parameter.default


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_an_unknown_option_is_reported_with_the_valid_ones(kind, name):
    part = default_registry().find(kind, name).part
    if part.free_option_type() is not None:
        pytest.skip(f"{name} takes options of any name")
    with pytest.raises(SpecError, match=f"an option of {name}, got 'no_such'; the valid ones are") as error:
        default_registry().create(kind, f"{name}:no_such=1")
    for option in part.option_parameters():
        assert option_name(option) in error.value.remedy


def test_the_nearest_option_is_suggested():
    with pytest.raises(SpecError, match="did you mean 'levels'"):
        default_registry().create("head", "categorical:level=4")


def test_a_missing_option_is_named():
    with pytest.raises(SpecError, match="write einops:pattern="):
        default_registry().create("ordering", "einops")


# --- what no part takes ----------------------------------------------------------------------------------------------


def _options_of_type(word):
    """The options of all parts whose type contains a word: kind and name of the part, and the option."""
    return [
        (kind, name, option)
        for kind, name in ALL
        for option, parameter in default_registry().find(kind, name).part.option_parameters().items()
        if word in type_name(parameter.annotation)
    ]


@pytest.mark.parametrize(("kind", "name", "option"), _options_of_type("number"))
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e400"])
def test_numbers_that_are_not_finite(kind, name, option, value):
    path = "path=x.npy," if kind == "dataset" and name != "toy" else ""
    with pytest.raises(SpecError, match=f"{name}'s {option} to be a finite number, got"):
        default_registry().options(kind, f"{name}:{path}{option}={value}")


@pytest.mark.parametrize(("kind", "name", "option"), _options_of_type("integer"))
def test_integers_of_more_than_64_bits(kind, name, option):
    for value in (2**63, -(2**63) - 1, 10**100):
        with pytest.raises(SpecError, match=f"{name}'s {option} to be an integer of at most 64 bits"):
            default_registry().options(kind, f"{name}:{option}={value}")


@pytest.mark.parametrize("option", ["self", "class", "lambda", "None"])
def test_free_options_that_collide_with_python(option):
    with pytest.raises(SpecError, match="a free option of einops with a name of its own") as error:
        default_registry().create("ordering", f"einops:pattern='h w -> (w h)',{option}=2")
    assert repr(option) in error.value.got


@pytest.mark.parametrize(
    ("pattern", "size"), [("h w -> (w h)", "tensor"), ("tensor w -> (w tensor)", "tensor"), ("h w -> (w h)", "x")]
)
def test_sizes_of_other_axes(pattern, size):
    with pytest.raises(SpecError, match="sizes of axes in the pattern"):
        default_registry().create("ordering", f"einops:pattern='{pattern}',{size}=2")


def test_blank_text():
    for value in ("''", '""'):
        with pytest.raises(SpecError, match="einops's pattern not to be blank, got ''; leave it out, or fill it in"):
            default_registry().options("ordering", f"einops:pattern={value}")
    assert default_registry().options("ordering", "raster:flip=''") == {"flip": ()}
    assert default_registry().options("backbone", "pixelcnn:channel_axes=''") == {"channel_axes": ()}
