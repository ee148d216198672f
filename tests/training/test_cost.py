"""The cost of a training is known before its first step, changes nothing, and is refused where it cannot be paid."""

import ctypes
import gc
from pathlib import Path

import pytest
import torch

from tensorar import Recipe, Run, TensorarError, TrainingSettings, load_dataset, train
from tensorar.parts.spec import PartSpec
from tensorar.training import cost as module
from tensorar.training.cost import measure_cost
from tensorar.training.memory import weight_bytes
from tensorar.training.trainer import Trainer
from tensorar.utils import memory
from tensorar.utils.allocation import StepGuard
from tensorar_cli.training_progress import cost_line
from tests.cli.commands import report


def run(folder, backbone="mlp:hidden=8,layers=1,dropout=0.2", **settings):
    parts = {"dataset": "toy:length=8", "ordering": "shuffled", "head": "categorical:levels=64", "backbone": backbone}
    training = TrainingSettings(**{"steps": 6, "batch_size": 16, "valid_events": 20, "evaluate_every": 4, **settings})
    recipe = Recipe(**{kind: PartSpec.parse(spec) for kind, spec in parts.items()}, training=training)
    return Run.create(folder, recipe, load_dataset(parts["dataset"]))


def test_steps_epochs_and_evaluations(tmp_path):
    found = measure_cost(Trainer(run(tmp_path / "run"), device="cpu"))
    assert (found.steps, found.evaluations, found.limited_by_time) == (6, 2, False)
    assert "; at most 6 steps (" in cost_line(found)
    assert found.epochs == pytest.approx(6 * 16 / len(load_dataset("toy").train))
    assert 6 * found.step_seconds < found.seconds
    assert found.memory > 10**7
    assert found.notes == ()


def test_a_step_that_was_held_up_once_is_not_believed(tmp_path, monkeypatch):
    times, own = {}, module._Trial._seconds

    def held_up(self, model, events, contexts, count):
        times[count] = times.get(count, 0) + 1
        seconds = own(self, model, events, contexts, count)
        return seconds + (5 if count == 16 and times[count] == 1 else 0)

    monkeypatch.setattr(module._Trial, "_seconds", held_up)
    assert measure_cost(Trainer(run(tmp_path / "run"), device="cpu")).step_seconds < 5
    assert times[16] >= 2


def test_minutes_bound_the_steps(tmp_path):
    found = measure_cost(Trainer(run(tmp_path / "run", steps=None, minutes=0.05), device="cpu"))
    assert found.steps == int(3 / found.step_seconds) and found.limited_by_time
    # the pace of a step was measured, so the steps in a time are not a bound
    assert f"at most about {found.steps} step" in cost_line(found)


def test_measuring_changes_nothing(tmp_path):
    weights = []
    for name, on_cost in (("with", lambda cost: None), ("without", None)):
        made = run(tmp_path / name)
        train(made, device="cpu", on_cost=on_cost)
        weights.append(made.model.state_dict())
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak cannot be measured again")
def test_memory_counts_what_is_written(tmp_path):
    # 40 MB of weights, of which all but some is held several times when they are saved
    trainer = Trainer(run(tmp_path / "run", backbone="mlp:hidden=2200,layers=3", steps=1), device="cpu")
    weights = weight_bytes(trainer.optimization.model)
    # what earlier tests freed would be taken again without the process growing
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    memory.restart_peak_memory()
    before = memory.peak_memory()
    found = measure_cost(trainer)
    memory.restart_peak_memory()
    trainer.start()
    trainer.train()
    assert (found.memory - before) / (memory.peak_memory() - before) == pytest.approx(1, abs=0.4)
    assert memory.peak_memory() - before > 7 * weights


def test_the_command_says_it_before_the_first_step(tmp_path):
    found = report("train", "toy:length=8", "--backbone", "fvsbn", "--steps", "2", "--out", tmp_path / "run")
    assert found["cost"]["steps"] == 2


def test_a_slow_step_is_said(tmp_path):
    trainer = Trainer(run(tmp_path / "run"), device="cpu")
    slow = module._notes(trainer.optimization.model, 12.0, 100)
    assert slow == ["a step takes 12 s: batch_size=41 or a smaller network would be faster"]
    assert "smaller events" in module._notes(trainer.optimization.model, 12.0, 1)[0]


def test_large_weights_are_said(tmp_path, monkeypatch):
    trainer = Trainer(run(tmp_path / "run"), device="cpu")
    monkeypatch.setattr(module, "available_memory", lambda: 1000)
    (note,) = module._notes(trainer.optimization.model, 0.1, 100)
    assert "more than half of the memory" in note
    assert ".weight of shape (" in note


def test_a_batch_larger_than_the_memory_is_refused(tmp_path, monkeypatch):
    trainer = Trainer(run(tmp_path / "run"), device="cpu")
    # 20 MB for each event more
    peaks = iter([10**9, 10**9, 10**9 + 7 * 20_000_000])
    monkeypatch.setattr(module, "peak_memory", lambda *device: next(peaks, 10**9))
    monkeypatch.setattr(memory, "available_memory", lambda: 200_000_000)
    with pytest.raises(TensorarError, match=r"at most 200 MB .* training steps of 16 events, .* 300 MB; use a smaller"):
        measure_cost(trainer)
    assert not (tmp_path / "run").exists()


def test_a_result_larger_than_the_memory_is_refused_before_it_is_computed(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 50_000_000)
    ranks = torch.arange(10_000)
    with StepGuard("a test") as guard, pytest.raises(TensorarError, match=r"a tensor of a test, .* 100 MB") as raised:
        torch.lt(ranks[:, None], ranks)
    assert guard.refusal is raised.value
    column = torch.ones(4000, 1)
    with StepGuard("a test"), pytest.raises(TensorarError, match="64 MB"):
        column @ column.T
    with StepGuard("a test"):
        assert float((column.T @ column).sum()) == 4000
        # a view takes no memory
        assert column.expand(4000, 4000).shape == (4000, 4000)


def test_a_failing_step_is_left_to_the_training(tmp_path, monkeypatch):
    trainer = Trainer(run(tmp_path / "run"), device="cpu")
    monkeypatch.setattr(type(trainer.optimization.model), "loss", lambda *a, **k: 1 / 0)
    assert measure_cost(trainer) is None
