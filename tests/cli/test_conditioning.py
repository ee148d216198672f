"""``tensorar inpaint`` and ``tensorar evaluate`` given any evidence: the way taken, its report, and bad options."""

from __future__ import annotations

import math

import pytest

from tensorar.conditioning import ways
from tensorar_cli import options

from .commands import SHORT, call, done, refused, report


def test_the_default_number_of_particles_is_that_of_the_library():
    assert options.DEFAULT_PARTICLES == ways.DEFAULT_PARTICLES


@pytest.fixture
def any_order_run(bits, tmp_path):
    done("train", f"npy:path={bits}", "--ordering", "shuffled", "--backbone", "mlp:hidden=8", *SHORT, "--out", "any")
    return "any"


@pytest.fixture
def made_run(bits):
    done("train", f"npy:path={bits}", "--ordering", "raster", "--backbone", "made:hidden=8", *SHORT, "--out", "made")
    return "made"


@pytest.mark.parametrize(
    ("region", "arguments", "way"),
    [
        ("top half", (), "exact"),
        ("bottom half", (), "exact"),  # 2 ** 8 completions
        ("bottom half", ("--conditioning", "smc", "--particles", "10"), "smc"),
        ("bottom half", ("--conditioning", "clamp"), "clamp"),
    ],
)
def test_the_way_is_reported(made_run, region, arguments, way):
    result = report("inpaint", made_run, "--evidence", region, "--events", "2", *arguments)
    assert result["conditioning"]["way"] == way
    assert ("log_evidence" in result) == (way != "clamp")
    text = done("inpaint", made_run, "--evidence", region, "--events", "2", *arguments).output
    assert f"conditioning {way}" in text.replace("\n", " ")
    assert ("biased" in text) == (way == "clamp") and ("(estimate)" in text) == (way == "smc")


def test_the_estimate_of_one_completion_has_no_standard_error(made_run):
    one = ("inpaint", made_run, "--evidence", "bottom half", "--conditioning", "smc", "-n", "1", "--events", "1")
    found = report(*one)
    assert found["log_evidence"] < 0 and found["log_evidence_standard_error"] is None
    assert "nats on average (estimate)" in done(*one).output.replace("\n", " ")


def test_another_run_proposes(made_run, any_order_run):
    proposed = ("--conditioning", "smc", "--particles", "8", "--proposal", any_order_run)
    assert report("inpaint", made_run, "--evidence", "bottom half", *proposed)["conditioning"]["particles"] == 8
    error = refused(call("inpaint", made_run, "--proposal", made_run, "--evidence", "bottom half"))
    assert "a proposal for all orders" in error and "ordering=shuffled" in error.replace("--ordering ", "ordering=")


def test_evaluate_the_rest_given_a_part(made_run, any_order_run):
    exact = report("evaluate", made_run, "--given", "bottom half", "--events", "5")
    estimate = report("evaluate", made_run, "--given", "bottom half", "--events", "5", "--conditioning", "smc")
    clamped = report("evaluate", made_run, "--given", "bottom half", "--events", "5", "--conditioning", "clamp")
    assert exact["exact"] and not estimate["exact"] and exact["unknown"] == exact["known"] == 8
    assert exact["estimate_error"] == 0 < estimate["estimate_error"]
    assert math.isclose(exact["nats"], estimate["nats"], abs_tol=5 * estimate["estimate_error"] + 0.01)
    assert clamped["nats"] != exact["nats"]
    assert report("evaluate", any_order_run, "--given", "random 30 %", "--events", "3")["exact"]
    assert "exact" in done("evaluate", made_run, "--given", "bottom half", "--events", "5").output


def test_the_cost_of_particles_is_said_beforehand(made_run):
    known = ("evaluate", made_run, "--given", "bottom half", "--events", "5")
    text = done(*known, "--conditioning", "smc", "--particles", "4").output
    assert text.startswith("5 events, 8 runs of 4 particles each: 160 walks of 16 steps\n")
    assert "walks" not in done(*known).output


def test_the_rest_and_the_part_add_up(made_run):
    whole = report("evaluate", made_run, "--events", "5")["nats"]
    rest = report("evaluate", made_run, "--given", "top half", "--events", "5")["nats"]
    nothing = report("evaluate", made_run, "--given", "random 0 %", "--events", "5")["nats"]
    assert rest < whole and math.isclose(nothing, whole, rel_tol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("inpaint", "--conditioning", "best"), "--conditioning to be one of auto, exact, smc, clamp, got 'best'"),
        (("inpaint", "--proposal", "nowhere"), "expected a run folder"),
        (("inpaint", "--conditioning", "smc", "--method", "fixed-point"), "--method auto"),
        (("evaluate", "--given", "middle third"), "expected a region"),
        (("evaluate", "--given", "top half", "--orders", "3"), "expected no --orders with --given"),
        (("evaluate", "--given", "top half", "--samples-per-event", "3"), "no --samples-per-event with --given"),
        (("evaluate", "--particles", "3"), "no --particles without --given, got 3; leave it out, or add --given"),
        (("evaluate", "--conditioning", "clamp"), "expected no --conditioning without --given"),
        (("evaluate", "--proposal", "any"), "expected no --proposal without --given"),
    ],
)
def test_bad_options_are_one_line(made_run, arguments, words):
    command, *rest = arguments
    assert words in refused(call(command, made_run, *rest))
