"""Training without a length: it ends when the validation has stopped improving, and never while it falls."""

import math
import random

import pytest

from tensorar import Run, train
from tensorar.training.patience import HELD, Patience
from tensorar.training.state import TrainingState

from .helpers import new_run, registry


def decay_begins(curve, patience=10, length=1000):
    """The evaluation after which the decay begins under a curve of validations, of a training of ``length`` ones."""
    state, policy = TrainingState(), Patience(patience)
    for evaluated in range(1, length + 1):
        state.record(curve(evaluated))
        policy.update(state, evaluated / length, evaluated)
        if state.decay_from is not None:
            return evaluated
    return None


def noisy(curve, deviation, seed):
    noise = random.Random(seed)
    return lambda evaluated: curve(evaluated) + noise.gauss(0, deviation)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(
    "curve",
    [lambda k: 100 - 0.05 * k, lambda k: 90 + 20 / math.sqrt(k), lambda k: 90 + 30 * math.exp(-k / 150)],
    ids=["line", "root", "exponential"],
)
def test_a_falling_curve_is_never_stopped(curve, seed):
    """Noise of the size of what four evaluations gain on the line."""
    length = 400
    assert decay_begins(noisy(curve, 0.0 if seed == 0 else 0.05, seed), length=length) == HELD * length


def test_a_late_descent_is_waited_for():
    """A plateau of ten evaluations at the beginning, and one of a sixth of the training later on."""
    assert decay_begins(lambda k: min(100.0, 100 - (k - 9)), length=100) == 75
    assert decay_begins(lambda k: 100 - min(k, 60) - max(0, k - 70), length=200) == 150


@pytest.mark.parametrize(
    ("curve", "least", "most"),
    [
        (lambda k: 90.0, 10, 15),
        (lambda k: 90 + abs(k - 20), 30, 35),
        (lambda k: 90 + abs(k - 200), 260, 280),
        (lambda k: math.nan, 10, 10),
    ],
    ids=["flat", "overfitting", "late overfitting", "not a number"],
)
def test_the_decay_begins_when_the_curve_has_turned(curve, least, most):
    assert least <= decay_begins(curve) <= most


def test_one_lucky_evaluation_does_not_end_a_descent():
    assert decay_begins(lambda k: 80.0 if k == 3 else 100 - 0.1 * k, length=150) == 113


def test_without_patience_the_rate_decays_from_the_first_step():
    state, policy = TrainingState(), Patience(0)
    policy.update(state, 0.9, 100)
    assert (policy.hold(state), policy.end(state), state.decay_from) == (0.0, 1.0, None)


def test_training_ends_when_the_validation_has_stopped_improving(tmp_path):
    settings = {"learning_rate": 1.0, "steps": 10_000, "patience": 3, "evaluate_every": 2, "ema": 0.0, "warmup": 0}
    run = new_run(tmp_path / "run", **settings)
    assert train(run, device="cpu") is None
    rows = run.metrics()
    rates = [row["learning_rate"] for row in rows]
    held = sum(rate == 1.0 for rate in rates)
    assert 3 < held < len(rows) < 1000
    assert rates[held:] == sorted(rates[held:], reverse=True), "the rate decays at the end"
    assert rates[-1] < 0.01
    assert rows[-1]["step"] == pytest.approx(rows[held - 1]["step"] / HELD, abs=3)


def test_a_run_that_is_interrupted_while_the_rate_decays_ends_as_if_it_had_not_been(tmp_path):
    from .test_resume import interrupting

    settings = {"learning_rate": 1.0, "steps": 10_000, "patience": 2, "evaluate_every": 2, "warmup": 0}
    whole, parts = (new_run(tmp_path / name, **settings) for name in ("whole", "parts"))
    assert train(whole, device="cpu") is None
    end = whole.metrics()[-1]["step"]
    assert train(parts, device="cpu", on_update=interrupting(end - 1)) is not None
    assert train(Run.open(tmp_path / "parts", registry=registry()), resume=True, device="cpu") is None
    assert (tmp_path / "parts/model.safetensors").read_bytes() == (tmp_path / "whole/model.safetensors").read_bytes()
