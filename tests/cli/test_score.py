"""Scores of pictures and arrays: nats of each event as the model gives them, and ranks."""

from __future__ import annotations

import math

import numpy as np
import pandas
import pytest
import torch
from PIL import Image

from tensorar import Run, workflows

from .commands import SHORT, call, done, refused, report


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of pictures in two folders, one for each class, and a run given the class."""
    folder = tmp_path_factory.mktemp("scored")
    for k, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (24, 4, 4), dtype=np.uint8)):
        path = folder / "photos" / "ab"[k % 2] / f"{k:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    options = ["--backbone", "made:hidden=8", "--ordering", "raster", *SHORT, "--out", folder / "run"]
    done("train", f"images:path={folder / 'photos'},labels=true", *options)
    return folder


def nats_of(run, events, contexts=None):
    with torch.no_grad():
        return (-Run.open(run).model.log_prob(events, contexts)).tolist()


def test_events_of_an_array_are_scored_in_their_order(bits_run, bits):
    result = done("score", bits_run, bits, "--out", "scores.csv", "--device", "cpu")
    events = torch.from_numpy(np.load(bits))
    expected = nats_of(bits_run, events)
    scores = pandas.read_csv("scores.csv")
    assert scores["event"].tolist() == [f"bits.npy {k}" for k in range(60)]
    np.testing.assert_allclose(scores["nats"], expected, rtol=1e-5)
    np.testing.assert_allclose(scores["bits_per_dim"], np.array(expected) / (16 * math.log(2)), rtol=1e-5)
    training = torch.tensor(nats_of(bits_run, Run.open(bits_run).dataset.train)).double()
    ranks = [(training < value - 1e-6).double().mean().item() for value in expected]
    np.testing.assert_allclose(scores["rank"], ranks, atol=0.021)
    most = int(np.argmax(expected))
    assert f"60 events in scores.csv: {np.mean(expected):.3f} nats on average, most in bits.npy {most}" in result.stdout


def test_ranks_are_among_some_of_many_training_events(bits_run, bits, monkeypatch):
    monkeypatch.setattr("tensorar.workflows.score_events.TRAINING_EVENTS", 20)
    found = report("score", bits_run, bits)
    assert "ranks are among 20 training events" in found["notes"] and found["events"] == 60
    assert {round(20 * rank, 6) % 1 for rank in found["rank"]} == {0.0}


def test_pictures_in_folders_have_the_classes_of_these(pictures):
    found = report("score", pictures / "run", pictures / "photos", "--out", "scores.csv")
    run = Run.open(pictures / "run")
    names = sorted(path.relative_to(pictures / "photos") for path in (pictures / "photos").rglob("*.png"))
    events = torch.stack([torch.from_numpy(np.array(Image.open(pictures / "photos" / name))) for name in names])
    contexts = torch.stack([run.parse_context(name.parent.name) for name in names])
    np.testing.assert_allclose(found["nats"], nats_of(pictures / "run", events, contexts), rtol=1e-5)
    assert pandas.read_csv("scores.csv")["event"].tolist() == [str(name) for name in names]
    # of the other class, the same picture has other nats
    other = report("score", pictures / "run", pictures / "photos" / "a", "--context", "b")
    assert len(other["nats"]) == 12 and not np.allclose(other["nats"], found["nats"][:12], rtol=1e-6)


def test_a_picture_without_a_class_is_refused(pictures):
    message = refused(call("score", pictures / "run", pictures / "photos" / "a" / "00.png"))
    assert "--context for the events" in message and "a folder for each class" in message


def test_what_is_transparent_is_not_observed(pictures, tmp_path):
    """In raster order the lower half is missing, which the network need not visit for the upper one."""
    pixels = np.full((4, 4, 2), 255, np.uint8)
    pixels[2:, :, 1] = 0
    Image.fromarray(pixels, "LA").save(tmp_path / "half.png")
    found = report("score", pictures / "run", "half.png", "--context", "b", "--out", "scores.csv")
    run, whole = Run.open(pictures / "run"), torch.full((1, 4, 4), 255)
    distribution = run.model.conditionals(whole, run.parse_context("b")[None])
    expected = -float(distribution.log_prob(whole)[0, :2].sum())
    assert found["nats"] == pytest.approx([expected], rel=1e-5)
    assert pandas.read_csv("scores.csv")["bits_per_dim"][0] == pytest.approx(expected / (8 * math.log(2)), rel=1e-5)


def test_without_the_data_of_training_there_is_no_rank(bits, tmp_path):
    done("train", bits, "--backbone", "fvsbn", *SHORT, "--out", "run")
    bits.rename("new.npy")
    found = report("score", "run", "new.npy")
    assert found["rank"] is None and any("no rank among the training events: " in note for note in found["notes"])
    assert len(found["nats"]) == 60


def test_a_network_that_is_slow_says_so_before_it_begins(bits, monkeypatch):
    monkeypatch.setattr("tensorar.workflows.score_events.MAX_PASSES", 10)
    done("train", bits, "--backbone", "mlp:hidden=8", *SHORT, "--out", "run")
    lines = done("score", "run", bits, "--out", "scores.csv").stdout.splitlines()
    assert lines[0] == "slow: an event takes 16 passes of mlp, one for each coefficient"
    assert "no rank among the training events" in lines[1] and "60 events in scores.csv" in lines[-1]
    assert "rank" not in pandas.read_csv("scores.csv")


def test_the_windows_of_a_series_are_scored(tmp_path):
    np.save("series.npy", np.sin(np.arange(400) / 5).astype(np.float32))
    done("train", "series:path=series.npy,window=8", "--backbone", "regression", *SHORT, "--out", "run")
    new = np.sin(np.arange(80) / 5).astype(np.float32)
    new[40] = 9
    np.save("new.npy", new)
    found = report("score", "run", "new.npy", "--out", "scores.csv")
    names = pandas.read_csv("scores.csv")["event"]
    assert names.tolist() == [f"new.npy {k}" for k in range(10)]
    assert int(np.argmax(found["nats"])) == 40 // 8
    events = torch.from_numpy(new.reshape(10, 8))
    np.testing.assert_allclose(found["nats"], nats_of("run", events), rtol=1e-4)


def test_progress_is_of_files_or_of_the_events_of_one(bits_run, bits, tmp_path, monkeypatch):
    monkeypatch.setattr("tensorar.workflows.score_events.EVENTS_PER_CALL", 25)
    monkeypatch.setattr("tensorar.workflows.score_events.FILES_AT_ONCE", 2)
    folder = tmp_path / "several"
    folder.mkdir()
    for k in range(3):
        np.save(folder / f"{k}.npy", np.load(bits)[k : k + 2])
    calls = []
    for data in (bits, folder):
        workflows.score(bits_run, data, device="cpu", progress=lambda *call: calls.append(call))
    assert [call[:2] for call in calls] == [(25, 60), (50, 60), (60, 60), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    {
        "columns of images": (["bits.npy", "--columns"], "a run that was trained on a table"),
        "an empty folder": (["empty"], "files of events in empty, got none"),
        "no such file": (["none.npy"], "none.npy to be"),
        "another shape": (["wide.npy"], "wide.npy"),
        "contexts that the run has not": (["bits.npy", "--context", "1"], "was trained without"),
    }.values(),
)
def test_what_cannot_be_scored_is_said(bits_run, bits, tmp_path, arguments, message):
    (tmp_path / "empty").mkdir()
    np.save("wide.npy", np.zeros((3, 5, 5), np.uint8))
    assert message in refused(call("score", bits_run, *arguments))
