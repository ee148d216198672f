"""Sampling methods on the command line: the same samples from each, and a report of the passes."""

from __future__ import annotations

import numpy as np
import pytest

from .commands import call, done, report


@pytest.mark.parametrize("command", [["sample", "-n", "9"], ["inpaint", "--evidence", "top half", "--events", "3"]])
def test_all_methods_give_the_same_numbers(bits_run, tmp_path, command):
    name, *rest = command
    drawn, passes = {}, {}
    for method in ("naive", "cached", "fixed-point", "auto"):
        result = report(name, bits_run, *rest, "--method", method, "--out", tmp_path / "x.npy")
        drawn[method], passes[result["method"]] = np.load(tmp_path / "x.npy"), result["passes"]
    assert all((numbers == drawn["naive"]).all() for numbers in drawn.values())
    assert passes["cached"] == 1
    assert passes["fixed-point"] <= 16


def test_the_passes_are_reported(bits_run):
    assert "passes of the network" in done("sample", bits_run, "-n", "2", "--method", "fixed-point").stdout


@pytest.mark.parametrize("command", ["sample", "inpaint"])
@pytest.mark.parametrize("options", [["--temperature", "0.5"], ["--top-k", "1"], ["--top-p", "0.9"]], ids=str)
def test_samples_that_do_not_follow_the_model_are_reported(toy_run, command, options):
    few = ["-n", "2"] if command == "sample" else ["--events", "1", "--completions", "2"]
    assert report(command, toy_run, *few)["exact"] is True
    assert report(command, toy_run, *few, *options)["exact"] is False
    assert "the model's distribution" in done(command, toy_run, *few, *options).stdout
    assert "the model's distribution" not in done(command, toy_run, *few).stdout


def test_an_unknown_or_unsupported_method(bits_run, toy_run):
    result = call("sample", bits_run, "--method", "fixedpoint")
    assert result.exit_code == 2
    assert "did you mean 'fixed-point'?" in result.stderr
    result = call("sample", toy_run, "--method", "cached")
    assert result.exit_code == 2
    assert "causal" in result.stderr
