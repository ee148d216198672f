"""Likelihoods under evidence networks are exact where that takes under a minute, by the time of a few conditionals."""

import pytest

from tensorar.training import evaluation
from tensorar_cli import output
from tests.cli.commands import call, done, report

TRAIN = ["--backbone", "mlp:hidden=8,layers=1", "--steps", "2", "--batch-size", "8", "--set", "valid_events=8"]


@pytest.fixture
def run(tmp_path):
    done("train", "toy:length=8", *TRAIN, "--device", "cpu", "--out", tmp_path / "run")
    return tmp_path / "run"


def test_what_takes_long_is_estimated_and_said(run, monkeypatch):
    arguments = ["evaluate", run, "--events", "40"]
    exact = report(*arguments)
    assert exact["exact"]
    assert exact["exact_seconds"] is None
    monkeypatch.setattr(evaluation, "exact_seconds", lambda *given: 61.0)
    estimate = report(*arguments)
    assert (estimate["exact"], estimate["exact_seconds"]) == (False, 61.0)
    assert abs(estimate["nats"] - exact["nats"]) < 5 * estimate["standard_error"]
    shown = done(*arguments).stdout
    assert "exact, with --exact" in shown
    assert "about 1 min" in shown
    assert "±" in shown
    assert report(*arguments, "--exact")["nats"] == exact["nats"]
    monkeypatch.setattr(evaluation, "exact_seconds", lambda *given: 59.0)
    assert report(*arguments)["nats"] == exact["nats"]


def test_the_time_grows_with_the_events(run, monkeypatch):
    monkeypatch.setattr(evaluation, "UNTIMED_EVALUATIONS", 0)
    clock = iter([0.0, 5.0, 5.0, 7.0] * 2)
    monkeypatch.setattr(evaluation.time, "perf_counter", lambda: next(clock))
    from tensorar import Run

    opened = Run.open(run)
    model, test = opened.model.eval(), opened.dataset.test
    for events in (test[:16], test[:160]):
        # 256 evaluations took two seconds
        assert evaluation.exact_seconds(model, events, None) == 2 * len(events) * 8 / 256


def test_progress_without_a_terminal(run, monkeypatch):
    monkeypatch.setattr(output, "FIRST_LINE", 0.0)
    monkeypatch.setattr(output, "INTERVALS", 0.0)
    lines = call("evaluate", run, "--events", "40", "--exact").stderr.splitlines()
    assert [line.split(" in ")[0] for line in lines] == ["evaluating: 25 %", "evaluating: 50 %", "evaluating: 75 %"]
    assert all(" left  " in line and line.endswith(" nats") for line in lines)
