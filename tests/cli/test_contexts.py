"""Conditional models from the command line: train on labelled data, sample and complete for a given context."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.datasets.idx_files import write_set

from .commands import SHORT, call, done, refused, report

PLUGIN = Path(__file__).parents[1] / "training" / "dataset_with_contexts.py"


@pytest.fixture(scope="module")
def _trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labelled") / "run"
    longer = [
        "--steps",
        "60",
        "--learning-rate",
        "0.2",
        "--set",
        "ema=0",
        "--set",
        "warmup=3",
        "--set",
        "valid_events=20",
        "--device",
        "cpu",
    ]
    done("train", "labelled", "--plugin", PLUGIN, "--backbone", "fvsbn", *longer, "--out", folder)
    return folder


@pytest.fixture
def run(_trained):
    return _trained


def _sampled(run, tmp_path, *arguments):
    done("sample", run, "--plugin", PLUGIN, "-n", 40, "--out", tmp_path / "x.npy", *arguments)
    return np.load(tmp_path / "x.npy")


def test_samples_follow_the_context(run, tmp_path):
    assert _sampled(run, tmp_path, "--context", "1,0").mean() > 0.8
    assert _sampled(run, tmp_path, "--context", "0,1").mean() < 0.2


def test_samples_cycle_through_several_contexts(run, tmp_path):
    drawn = _sampled(run, tmp_path, "--context", "1,0", "--context", "0,1")
    assert drawn[0::2].mean() > 0.8
    assert drawn[1::2].mean() < 0.2


def test_without_a_context_those_of_the_data_are_used(run, tmp_path):
    assert 0.2 < _sampled(run, tmp_path).mean() < 0.8


def test_samples_cycle_through_the_contexts_of_fewer_events(run, tmp_path):
    drawn = _sampled(run, tmp_path, "-n", 410)
    assert drawn.shape == (410, 4)
    assert 0.2 < drawn.mean() < 0.8


def test_completions_and_posteriors_for_a_given_context(run, tmp_path):
    out = ["--evidence", "random 0", "--events", "20", "--out", tmp_path / "x.npy"]
    done("inpaint", run, "--plugin", PLUGIN, *out, "--context", "1,0", "--context", "0,1")
    completed = np.load(tmp_path / "x.npy")
    assert completed[0::2].mean() > 0.8
    assert completed[1::2].mean() < 0.2
    for written, likely in (("1,0", 1), ("0,1", 0)):
        steps = report("posterior", run, "--plugin", PLUGIN, "--steps", "0", "--context", written)["steps"]
        assert steps[0]["most_likely"] == likely


def test_one_event_has_one_context(run):
    message = refused(call("posterior", run, "--plugin", PLUGIN, "--context", "1,0", "--context", "0,1"))
    assert "one --context for one event, got 2" in message


@pytest.mark.parametrize("command", ["sample", "inpaint", "posterior"])
@pytest.mark.parametrize(
    ("written", "complaint"),
    [(["--context", "1"], "2 numbers"), (["--context", "x"], "commas"), (["--context", "1,2,3"], "2 numbers")],
)
def test_a_context_that_does_not_fit_is_refused_in_one_line(run, command, written, complaint):
    result = call(command, run, "--plugin", PLUGIN, *written)
    assert result.exit_code == 2
    assert complaint in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("command", ["sample", "inpaint", "posterior"])
def test_a_model_without_contexts_takes_none(bits_run, command):
    result = call(command, bits_run, "--context", "3")
    assert result.exit_code == 2
    assert "leave it out" in result.stderr


def test_evaluation_completions_and_posteriors_use_the_context_of_each_event(run, tmp_path):
    assert report("evaluate", run, "--plugin", PLUGIN)["nats"] < 0.35
    done("inpaint", run, "--plugin", PLUGIN, "--evidence", "random 0", "--out", tmp_path / "x.npy", "--events", 20)
    completed = np.load(tmp_path / "x.npy")
    # each event's completions agree with it, since its context tells all of it
    assert (completed.mean(1) == completed[:, 0]).mean() > 0.5
    steps = report("posterior", run, "--plugin", PLUGIN, "--steps", "0")["steps"]
    assert max(steps[0]["probabilities"]) > 0.8
    assert steps[0]["most_likely"] == steps[0]["truth"]


def test_labelled_digits_from_training_to_samples(data_folder, tmp_path):
    data = f"mnist:labels=true,binarize=threshold,path={data_folder / 'mnist'}"
    done("train", data, "--backbone", "fvsbn", *SHORT, "--out", tmp_path / "run")
    drawn = report("sample", tmp_path / "run", "--context", "3", "-n", "4")
    assert drawn["shape"] == [4, 1, 28, 28]
    result = call("sample", tmp_path / "run", "--context", "ten")
    assert result.exit_code == 2
    assert "a class: 0 to 9" in result.stderr


def test_classes_by_number_or_name_from_training_to_samples(tmp_path):
    write_set(tmp_path / "data", "emnist-letters-{part}-{kind}-idx{axes}-ubyte.gz", test="test")
    (tmp_path / "data" / "emnist-letters-mapping.txt").write_text("".join(f"{i} {64 + i}\n" for i in range(1, 27)))
    for kind in ("mnist:binarize=threshold,", "idx:"):
        run, data = tmp_path / kind[:3], f"{kind}labels=true,path={tmp_path}/data"
        done("train", data, "--backbone", "fvsbn", "--head", "categorical:levels=183", *SHORT, "--out", run)
        drawn = []
        for context in ("1", "A", "B"):
            done("sample", run, "-n", "4", "--context", context, "--out", tmp_path / "x.npy")
            drawn.append(np.load(tmp_path / "x.npy"))
        assert np.array_equal(drawn[0], drawn[1])
        assert not np.array_equal(drawn[0], drawn[2])
        for context in ("0", "27", "a"):
            message = refused(call("sample", run, "--context", context))
            assert "a class: 1 to 26, or A, B, C" in message
            assert message.strip().endswith(f"got '{context}'; write for example 1")
