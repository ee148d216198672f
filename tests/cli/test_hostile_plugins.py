"""Plugins that end the program, or fail, at any place: one line that names them, the right exit code, nothing lost."""

import re
from pathlib import Path

import pytest

from .commands import SHORT, call, contents, done, refused

HOSTILE = Path(__file__).parent / "hostile.py"
TRAIN = ["train", "hostile_bits", "--backbone", "hostile_bias", "--ordering", "hostile", *SHORT, "--plugin", HOSTILE]
PLACES = {
    "import": "hostile.py to be an importable plugin, got ",
    "hook": "hostile",
    "constructor": "the plugin hostile (",
    "visits": "the plugin hostile (",
    "network": "the plugin hostile (",
    "load": "the plugin hostile (",
}
HOW = {"exit": "SystemExit: 0", "base": "Odd: one", "division": "ZeroDivisionError: one"}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("place", PLACES)
def test_a_plugin_that_ends_the_program(place, how, tmp_path, monkeypatch):
    before = contents(tmp_path)
    monkeypatch.setenv("HOSTILE", place)
    monkeypatch.setenv("HOW", how)
    message = refused(call(*TRAIN, "--out", "out"))
    # arithmetic that fails in a constructor may be due to an option
    if (place, how) not in (("constructor", "division"), ("network", "division")):
        assert PLACES[place] in message
        assert HOW[how] in message
    assert "\x1b" not in message
    assert contents(tmp_path) == before


def test_one_that_fails_in_its_network_after_training(tmp_path, monkeypatch):
    done(*TRAIN, "--out", "out")
    monkeypatch.setenv("HOSTILE", "forward")
    before = contents(tmp_path)
    for how in HOW:
        monkeypatch.setenv("HOW", how)
        for command in (["sample", "-n", "2"], ["evaluate"], ["posterior"], ["inpaint"]):
            message = refused(call(command[0], "out", *command[1:], "--plugin", HOSTILE))
            assert re.search(rf"the plugin hostile \({HOSTILE}, line \d+\) to work, got {HOW[how]}", message), message
    assert contents(tmp_path) == before


def test_the_others_are_listed_without_a_plugin_that_ends_the_program(monkeypatch):
    monkeypatch.setenv("HOSTILE", "hook")
    monkeypatch.setenv("HOW", "exit")
    listed = done("plugins", "list", "ordering", "--plugin", HOSTILE).stdout
    assert "raster" in listed
    assert "the plugin hostile failed and was left out: tensorar_orderings: SystemExit: 0" in listed


@pytest.mark.parametrize("place", ["import", "constructor", "visits", "load"])
def test_ctrl_c_anywhere(place, tmp_path, monkeypatch):
    before = contents(tmp_path)
    monkeypatch.setenv("HOSTILE", place)
    monkeypatch.setenv("HOW", "interrupt")
    result = call(*TRAIN, "--out", "out")
    assert result.exit_code == 130
    assert result.stderr == "error: ended by Ctrl-C; files that were complete are kept\n"
    assert contents(tmp_path) == before


def test_too_deep_a_recursion_in_a_part(tmp_path, monkeypatch):
    monkeypatch.setenv("HOSTILE", "visits")
    monkeypatch.setenv("HOW", "recursion")
    assert "the plugin hostile (" in refused(call(*TRAIN, "--out", "out"))
