"""Trackers follow a training beside ``metrics.jsonl``."""

import importlib.util

import pytest

from tensorar import TensorarError, train, workflows
from tensorar.training import trackers
from tests.cli.commands import call

from .helpers import PLUGIN, new_run


@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="needs tensorboard")
# of protobuf and of tensorboard, about themselves
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_reads_the_metrics(tmp_path):
    run = new_run(tmp_path / "run")
    train(run, device="cpu", track=["tensorboard"])
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (file,) = (tmp_path / "run" / "logs" / "tensorar").glob("events.*")
    events = EventAccumulator(str(file))
    events.Reload()
    rows = run.metrics()
    for name in ("train_nats", "valid_nats", "learning_rate"):
        read = [(event.step, event.value) for event in events.Scalars(name)]
        assert read == [(row["step"], pytest.approx(row[name], rel=1e-6)) for row in rows]
    assert "valid_exact" not in events.Tags()["scalars"]


class Recording:
    """A tracker that keeps what it is told."""

    name, requires_logging_directory = "wandb", False

    def __init__(self, project, **options):
        self.calls = [("project", project, options)]
        Recording.last = self

    def start(self):
        self.calls.append(("start",))

    def store_init_configuration(self, values):
        self.calls.append(("configuration", values))

    def log(self, values, step=None, **_):
        self.calls.append(("log", step, values))

    def finish(self):
        self.calls.append(("finish",))


@pytest.fixture
def wandb(monkeypatch):
    """Wandb, as if it were installed."""
    from accelerate import tracking
    from accelerate.utils import LoggerType

    monkeypatch.setattr(trackers, "check_trackers", lambda names: None)
    monkeypatch.setattr("tensorar.training.train.check_trackers", lambda names: None)
    monkeypatch.setattr(tracking, "_available_trackers", [LoggerType.WANDB])
    monkeypatch.setitem(tracking.LOGGER_TYPE_TO_CLASS, "wandb", Recording)


def test_a_tracker_has_the_recipe_and_every_finite_number(tmp_path, wandb):
    run = new_run(tmp_path / "run")
    train(run, device="cpu", track=["wandb"])
    calls = Recording.last.calls
    assert calls[0] == ("project", "tensorar", {"name": "run"})
    (configuration,) = (call[1] for call in calls if call[0] == "configuration")
    assert configuration["backbone"] == "fvsbn" and configuration["batch_size"] == 16
    logged = [(call[1], call[2]["valid_nats"]) for call in calls if call[0] == "log"]
    assert logged == [(row["step"], row["valid_nats"]) for row in run.metrics()]
    assert calls[-1] == ("finish",)


def test_a_tracker_that_does_not_start_is_one_error(tmp_path, wandb, monkeypatch):
    monkeypatch.setattr(Recording, "start", lambda self: 1 / 0)
    with pytest.raises(TensorarError, match=r"division by zero.*--track"):
        train(new_run(tmp_path / "run"), device="cpu", track=["wandb"])


@pytest.mark.parametrize(("name", "words"), [("wandb", "pip install wandb"), ("tensorbord", "tensorboard")])
def test_trackers_that_are_missing_or_unknown_are_one_error(tmp_path, name, words, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    done = call("train", "agreeing", "--plugin", str(PLUGIN), "--steps", "1", "--track", name, "--out", "run")
    assert done.exit_code == 2
    assert words in done.stderr and done.stderr.count("\n") == 1
    with pytest.raises(TensorarError):
        workflows.train("toy", track=[name])
