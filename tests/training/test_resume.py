"""An interrupted and resumed training gives the same weights, bit by bit, as an uninterrupted one."""

import json
import os
import signal

import pytest
import torch

from tensorar import (
    AutoregressiveModel,
    Run,
    RunError,
    SpecError,
    SupportError,
    TrainingSettings,
    build,
    evaluate,
    train,
)
from tensorar.runs.tensors import read_tensors
from tensorar.training.averaging import Averages
from tensorar.training.batches import keyed_generator

from .helpers import new_run, registry

KINDS = [
    {"backbone": "fvsbn"},
    {"backbone": "mlp:hidden=8,dropout=0.3", "ordering": "shuffled"},
    {"backbone": "convnet:channels=2,hidden=4", "dataset": "agreeing:drawn=true"},
    {"backbone": "fvsbn", "ema": 0.0, "weight_decay": 0.1},
    {"backbone": "mlp:hidden=8", "ordering": "annealed"},
]


def entropy_of_agreeing_bits(length=6, flip=0.1):
    bits = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * length).double()
    ones = bits.sum(1)
    p = 0.5 * sum(flip ** abs(side - ones) * (1 - flip) ** (length - abs(side - ones)) for side in (0, length))
    return -float((p * p.log()).sum())


def interrupting(at):
    def on_update(update):
        if update.state.step == at and update.row is None:
            os.kill(os.getpid(), signal.SIGINT)

    return on_update


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind["backbone"])
@pytest.mark.parametrize("at", [1, 7, 10])
def test_interrupted_and_resumed_equals_uninterrupted(tmp_path, kind, at):
    whole, parts = new_run(tmp_path / "whole", **kind), new_run(tmp_path / "parts", **kind)
    assert train(whole, device="cpu") is None
    assert train(parts, device="cpu", on_update=interrupting(at)) == signal.SIGINT
    resumed = Run.open(tmp_path / "parts", registry=registry())
    assert train(resumed, resume=True, device="cpu") is None
    for name in ("model.safetensors", "training/state.safetensors"):
        expected, _ = read_tensors(tmp_path / "whole" / name)
        got, _ = read_tensors(tmp_path / "parts" / name)
        assert expected.keys() == got.keys()
        assert all(torch.equal(expected[key], got[key]) for key in expected), name
    timeless = [[{k: v for k, v in row.items() if k != "seconds"} for row in run.metrics()] for run in (whole, resumed)]
    assert timeless[0] == timeless[1]
    assert [row["step"] for row in timeless[0]] == [5, 10, 12]


def test_resuming_a_finished_run_does_not_change_it(tmp_path):
    run = new_run(tmp_path / "run")
    train(run, device="cpu")
    before = (tmp_path / "run" / "model.safetensors").read_bytes()
    assert train(Run.open(tmp_path / "run", registry=registry()), resume=True, device="cpu") is None
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == before


def test_the_average_reads_its_count_once_a_step(monkeypatch):
    """Every number that is read waits for the GPU."""
    model = build((3,), "raster", "bernoulli", "mlp:hidden=4")
    average, read, real = Averages(model, 0.9), [], torch.Tensor.__int__
    monkeypatch.setattr(torch.Tensor, "__int__", lambda self: read.append(1) or real(self))
    expected = [p.detach().clone() for p in model.parameters()]
    for step in range(30):
        for parameter in model.parameters():
            parameter.data.normal_()
        decay = min(0.9, (1 + step) / (10 + step)) if step else 0
        expected = [e.lerp(p, 1 - decay) for e, p in zip(expected, model.parameters(), strict=True)]
        average.update_parameters(model)
    assert all(map(torch.equal, expected, average.module.parameters()))
    assert len(expected) > 2
    assert len(read) == 30


def test_the_signal_handlers_are_restored(tmp_path):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    train(new_run(tmp_path / "run"), device="cpu", on_update=interrupting(3))
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_the_kept_weights_are_those_of_the_best_validation(tmp_path):
    run = new_run(tmp_path / "run", learning_rate=0.3, steps=200, evaluate_every=10)
    train(run, device="cpu")
    best = min(row["valid_nats"] for row in run.metrics())
    assert best < run.metrics()[-1]["valid_nats"], "the test needs training that overshoots"
    seen = torch.randperm(64, generator=keyed_generator(0, "valid"))[:32]
    assert evaluate(run.model, run.dataset.valid[seen]).nats == pytest.approx(best, abs=1e-5)


def test_the_last_weights_are_kept_too(tmp_path):
    run = new_run(tmp_path / "run", learning_rate=0.3, steps=200, evaluate_every=10)
    train(run, device="cpu")
    last = run.metrics()[-1]["valid_nats"]
    seen = torch.randperm(64, generator=keyed_generator(0, "valid"))[:32]
    assert evaluate(run.last_model, run.dataset.valid[seen]).nats == pytest.approx(last, abs=1e-5)
    assert evaluate(run.model, run.dataset.valid[seen]).nats < last


def test_a_training_stopped_before_its_first_evaluation_leaves_a_model(tmp_path):
    run = new_run(tmp_path / "run")
    assert train(run, device="cpu", on_update=interrupting(2)) == signal.SIGINT
    assert not run.metrics()
    assert torch.equal(run.model.backbone.weight, run.last_model.backbone.weight)


@pytest.mark.parametrize("backbone", ["fvsbn", "convnet:channels=2,hidden=4"])
def test_half_precision_trains_weights_that_stay_in_full_precision(tmp_path, backbone):
    runs = [new_run(tmp_path / p, backbone=backbone, precision=p) for p in ("float32", "bfloat16")]
    for run in runs:
        train(run, device="cpu")
    full, half = (run.metrics()[-1]["valid_nats"] for run in runs)
    assert half == pytest.approx(full, rel=0.02)
    assert half != full
    assert {p.dtype for p in runs[1].model.parameters()} == {torch.float32}


def test_training_learns(tmp_path):
    run = new_run(tmp_path / "run", dataset="agreeing:drawn=true,events=4000", steps=400, learning_rate=0.05)
    train(run, device="cpu")
    entropy = entropy_of_agreeing_bits()
    assert entropy < evaluate(run.model, run.dataset.test).nats < entropy + 0.1


def test_minutes_end_a_training(tmp_path):
    run = new_run(tmp_path / "run", steps=None, minutes=0.02)
    train(run, device="cpu")
    assert 1.2 <= run.metrics()[-1]["seconds"] < 10


def test_the_data_are_checked_against_the_head_before_anything_is_trained(tmp_path):
    run = new_run(tmp_path / "run", head="categorical:levels=2")
    run.dataset.train[0, 0] = 7
    with pytest.raises(SupportError, match=r"got 7 in the dataset agreeing; use head='categorical:levels=8'"):
        train(run, device="cpu")


def test_resuming_without_a_state_is_refused(tmp_path):
    run = new_run(tmp_path / "run")
    with pytest.raises(RunError, match="no such folder"):
        train(run, resume=True, device="cpu")


def test_resuming_with_a_damaged_state_is_refused(tmp_path):
    run = new_run(tmp_path / "run")
    train(run, device="cpu")
    state = tmp_path / "run" / "training" / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-7])
    with pytest.raises(RunError, match=r"complete safetensors file"):
        train(Run.open(tmp_path / "run", registry=registry()), resume=True, device="cpu")


@pytest.mark.parametrize(
    "settings", [{"steps": 0}, {"ema": 1.0}, {"warmup": -1}, {"precision": "float8"}, {"batch_size": 0}]
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(SpecError, match=f"{next(iter(settings))}'? to be"):
        TrainingSettings.from_dict(settings)


def test_unknown_settings_name_the_nearest():
    with pytest.raises(SpecError, match="did you mean 'learning_rate'"):
        TrainingSettings.from_dict({"lerning_rate": 1.0})


class _Failure(BaseException):
    """What no part should raise."""


@pytest.mark.parametrize("failure", [_Failure, SystemExit, OSError, KeyboardInterrupt])
@pytest.mark.parametrize("evaluated", [False, True])
def test_a_training_whose_progress_cannot_be_printed_is_saved(tmp_path, failure, evaluated):
    whole, parts = new_run(tmp_path / "whole"), new_run(tmp_path / "parts")

    def on_update(update):
        if update.state.step == 5 and (update.row is not None) == evaluated:
            raise failure("a closed terminal")

    train(whole, device="cpu")
    with pytest.raises(failure):
        train(parts, device="cpu", on_update=on_update)
    train(Run.open(parts.folder, registry=registry()), resume=True, device="cpu")
    _same_weights(whole, parts)


@pytest.mark.parametrize("failure", [_Failure, SystemExit, MemoryError, KeyboardInterrupt])
def test_a_training_whose_network_fails_is_saved_before_that_step(tmp_path, failure):
    whole, parts = new_run(tmp_path / "whole", evaluate_every=100), new_run(tmp_path / "parts", evaluate_every=100)
    train(whole, device="cpu")
    calls = []

    def fail(*arguments):
        calls.append(1)
        if len(calls) == 8:
            raise failure

    hook = torch.nn.modules.module.register_module_forward_pre_hook(
        lambda module, arguments: fail() if isinstance(module, AutoregressiveModel) and module.training else None
    )
    with hook, pytest.raises(failure):
        train(parts, device="cpu")
    state = json.loads(read_tensors(parts.state_path)[1]["state"])
    assert state["step"] == 7
    assert len(parts.model.sample(2)) == 2
    train(Run.open(parts.folder, registry=registry()), resume=True, device="cpu")
    _same_weights(whole, parts)


def _same_weights(one, other):
    for path in (Run.model_path.fget, Run.state_path.fget):
        expected, got = read_tensors(path(one))[0], read_tensors(path(other))[0]
        assert all(torch.equal(expected[key], got[key]) for key in expected)


def test_a_run_is_not_trained_twice_from_the_beginning(tmp_path):
    run = new_run(tmp_path / "run")
    train(run, device="cpu")
    before = {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    with pytest.raises(RunError, match="a folder without a run"):
        train(Run.open(run.folder, registry=registry()), device="cpu")
    assert {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_stop_a_training_too(tmp_path, number):
    def on_update(update):
        if update.state.step == 3:
            os.kill(os.getpid(), number)

    run = new_run(tmp_path / "run")
    assert train(run, device="cpu", on_update=on_update) == number
    assert json.loads(read_tensors(run.state_path)[1]["state"])["step"] == 3


def test_a_hangup_that_is_ignored_stays_ignored(tmp_path):
    """As by ``nohup``."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        run = new_run(tmp_path / "run")
        assert train(run, device="cpu", on_update=lambda update: os.kill(os.getpid(), signal.SIGHUP)) is None
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
