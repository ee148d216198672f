"""Blank arguments are refused in one line, for every command and option, before anything else happens."""

import pytest
from typer.main import get_command

from tensorar_cli.app import app
from tensorar_cli.blank_arguments import blank_argument
from tensorar_cli.parsing import parse_shape

from .commands import call, contents, refused


def _options(command, path=()):
    """The words of each command with each of its options that take a value."""
    for name, below in getattr(command, "commands", {}).items():
        yield from _options(below, (*path, name))
    for parameter in () if hasattr(command, "commands") else command.params:
        takes_value = parameter.param_type_name == "option" and not getattr(parameter, "is_flag", False)
        if takes_value:
            yield from ((*path, option) for option in parameter.opts)


REMEDY = "; leave it out, or give a value\n"
OPTIONS = list(_options(get_command(app)))


def test_all_commands_are_tested():
    assert ("train", "--head") in OPTIONS
    assert ("order", "show", "--shape") in OPTIONS
    assert len(OPTIONS) > 70


@pytest.mark.parametrize("blank", ["", " ", "\t\n"])
@pytest.mark.parametrize("words", OPTIONS, ids=" ".join)
def test_a_blank_value_is_refused(words, blank, tmp_path):
    before = contents(tmp_path)
    message = refused(call(*words, blank))
    assert message == f"error: expected arguments that are not blank, got {blank!r} after {words[-1]}" + REMEDY
    if words[-1].startswith("--"):
        assert refused(call(*words[:-1], f"{words[-1]}={blank}")) == message
    assert contents(tmp_path) == before


@pytest.mark.parametrize("words", [("train", ""), ("train", "toy", ""), ("plugins", "show", " "), ("sample", "")])
def test_a_blank_argument_is_refused(words):
    assert "expected arguments that are not blank" in refused(call(*words))


def test_values_with_an_equals_sign_are_not_blank():
    assert blank_argument(["train", "toy:seed=1", "--set", "ema=", "--out=x", "-n", "3"]) is None


def test_a_blank_option_of_a_part(tmp_path):
    before = contents(tmp_path)
    assert "npy's path not to be blank, got ''" in refused(call("train", "npy:path=''"))
    assert "einops's pattern not to be blank" in refused(call("order", "show", "einops:pattern=''", "--shape", "2"))
    assert contents(tmp_path) == before


MALFORMED = [
    "x",
    "4,x",
    "4,,4",
    ",",
    "4 4",
    "0",
    "-3",
    "1e3",
    "4.0",
    "\N{ARABIC-INDIC DIGIT THREE}",
    "9" * 30,
    "(",
    "x4",
]


@pytest.mark.parametrize("shape", MALFORMED)
def test_malformed_shapes(shape, tmp_path):
    before = contents(tmp_path)
    message = refused(call("order", "show", "raster", f"--shape={shape}"))
    assert "--shape with whole sizes from 1 to 2**63 - 1" in message
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("text", "shape"),
    [("4", (4,)), ("4,", (4,)), ("(4, 5)", (4, 5)), ("2x3", (2, 3)), (" 1 , 2 ", (1, 2)), ("()", ()), ("(7,)", (7,))],
)
def test_shapes(text, shape):
    assert parse_shape(text) == shape
