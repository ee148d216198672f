"""Ways to sample from the command line: the same samples by each, and a report of what it took."""

from __future__ import annotations

import numpy as np
import pytest

from .commands import call, done, report


@pytest.mark.parametrize("command", [["sample", "-n", "9"], ["inpaint", "--evidence", "top half", "--events", "3"]])
def test_all_methods_give_the_same_numbers(bits_run, tmp_path, command):
    name, *rest = command
    drawn, passes = {}, {}
    for method in ("naive", "cached", "fixed-point", "auto"):
        told = report(name, bits_run, *rest, "--method", method, "--out", tmp_path / "x.npy")
        drawn[method], passes[told["method"]] = np.load(tmp_path / "x.npy"), told["passes"]
    assert all((numbers == drawn["naive"]).all() for numbers in drawn.values())
    assert passes["cached"] == 1
    assert passes["fixed-point"] <= 16


def test_the_passes_are_told(bits_run):
    assert "passes of the network" in done("sample", bits_run, "-n", "2", "--method", "fixed-point").stdout


def test_a_method_that_there_is_not(bits_run, toy_run):
    result = call("sample", bits_run, "--method", "fixedpoint")
    assert result.exit_code == 2
    assert "did you mean 'fixed-point'?" in result.stderr
    result = call("sample", toy_run, "--method", "cached")
    assert result.exit_code == 2
    assert "causal" in result.stderr
