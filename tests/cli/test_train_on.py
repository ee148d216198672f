"""Going on with a finished run, and beginning with the weights of another."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch

from tensorar import Run
from tensorar.runs.tensors import read_tensors

from .commands import SHORT, call, contents, done, refused, report

CPU = ["--device", "cpu"]


def history(run):
    return tomllib.loads((run / "recipe.toml").read_text())["provenance"]


def test_what_is_finished_says_so_in_one_line(bits_run):
    before = contents(bits_run)
    printed = done("train", "--resume", bits_run, *CPU).stdout
    assert printed == (
        f"{bits_run} is finished, after 3 steps in 0 s: nothing to do; to train it on, add --minutes, --steps or "
        "--epochs\n"
    )
    assert report("train", "--resume", bits_run)["was_finished"] is True
    assert contents(bits_run) == before


def test_a_finished_run_is_trained_on(bits_run):
    first = (bits_run / "metrics.jsonl").read_text()
    result = report("train", "--resume", bits_run, "--steps", 4, "--learning-rate", 0.05, "--set", "ema=0", *CPU)
    assert result["was_finished"] is False
    assert [row["step"] for row in result["metrics"]] == [3, 7]
    assert (bits_run / "metrics.jsonl").read_text().startswith(first)
    (stage,) = history(bits_run)["continued"]
    assert stage["from_step"] == 3 and stage["settings"] == {"steps": 4, "learning_rate": 0.05, "ema": 0.0}
    # the recipe of the first stage is as it was; its end is in the history
    assert tomllib.loads((bits_run / "recipe.toml").read_text())["training"]["steps"] == 3
    run = Run.open(bits_run)
    assert run.stage.settings.learning_rate == 0.05 and run.stage.first_seconds == stage["from_seconds"]
    assert "is finished, after 7 steps" in done("train", "--resume", bits_run).stdout
    report("train", "--resume", bits_run, "--epochs", 0.5, *CPU)
    assert [entry["from_step"] for entry in history(bits_run)["continued"]] == [3, 7]
    assert Run.open(bits_run).stage.settings.steps is None
    assert report("evaluate", bits_run)["nats"] > 0


def test_minutes_are_further_minutes(bits_run):
    result = report("train", "--resume", bits_run, "--minutes", 0.002, *CPU)
    seconds = [row["seconds"] for row in result["metrics"]]
    # metrics are rounded to milliseconds, where a stage begins is not
    assert seconds[-1] >= round(history(bits_run)["continued"][0]["from_seconds"] + 0.12, 3)


def test_an_interrupted_later_stage_resumes_to_the_same_weights(bits_run, tmp_path):
    other = shutil.copytree(bits_run, tmp_path / "other")
    more = ["--steps", 6, "--set", "evaluate_every=2"]
    done("train", "--resume", bits_run, *more, *CPU)

    from tensorar import train

    def stop(update):
        if update.state.step == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(Run.open(other), resume=True, settings={"steps": 6, "evaluate_every": 2}, device="cpu", on_update=stop)
    result = report("train", "--resume", other, *CPU)
    assert result["metrics"][-1]["step"] == 9
    expected, got = (read_tensors(run / "training" / "state.safetensors")[0] for run in (bits_run, other))
    assert all(torch.equal(expected[key], got[key]) for key in expected)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--learning-rate", "0.1"], "a length with changed settings: --steps, --epochs or --minutes"),
        (["--steps", "3", "--set", "valid_events=9"], "no other `valid_events` for a run that is trained already"),
        (["--steps", "3", "--set", "steeps=9"], "a training setting"),
        (["--minutes", "-1"], "minutes to be a positive number"),
    ],
)
def test_what_cannot_change_is_refused_and_changes_nothing(bits_run, arguments, complaint):
    before = contents(bits_run)
    assert complaint in refused(call("train", "--resume", bits_run, *arguments, *CPU))
    assert contents(bits_run) == before


def test_a_recipe_with_a_history_says_what_it_leaves_out(bits_run):
    done("train", "--resume", bits_run, "--steps", 1, *CPU)
    printed = done("train", "--recipe", bits_run / "recipe.toml", *CPU, "--out", "again").stdout
    assert "was trained on later; this training has its first settings only" in printed


def test_a_damaged_history_is_refused(bits_run):
    done("train", "--resume", bits_run, "--steps", 1, *CPU)
    path = bits_run / "recipe.toml"
    text = path.read_text()
    for old, new in (
        ("from_step = 3", "from_step = -3"),
        ("from_step = 3", "from_step = 4"),
        ("continued = ", "continual = "),
    ):
        path.write_text(text.replace(old, new))
        refused(call("evaluate", bits_run))


@pytest.fixture
def others(tmp_path):
    events = np.random.default_rng(1).integers(0, 2, (50, 4, 4), dtype=np.uint8)
    np.save(tmp_path / "others.npy", events)
    np.save(tmp_path / "wide.npy", np.zeros((50, 4, 5), dtype=np.uint8))
    return f"npy:path={tmp_path}/others.npy"


def test_training_begins_with_the_weights_of_another_run(bits_run, others):
    slow = ["--learning-rate", "1e-9", "--steps", 1, "--set", "ema=0", *CPU]
    printed = done("train", others, "--from", bits_run, *slow, "--out", "tuned").stdout
    assert f"note: training begins with the weights of {bits_run}" in printed and "chosen:" not in printed
    old, new = Run.open(bits_run), Run.open("tuned")
    assert str(new.recipe.dataset) == others
    x = new.dataset.test
    torch.testing.assert_close(new.model.log_prob(x), old.model.log_prob(x), rtol=0, atol=1e-4)
    begun = history(new.folder.resolve())["initial"]
    assert begun["run"] == str(bits_run.resolve()) and begun["weights"].startswith("blake2b:")
    assert "nothing to do" in done("train", "--resume", "tuned").stdout
    own = report("train", "--from", bits_run, *slow, "--out", "own")
    assert Run.open(own["run"]).recipe.dataset == old.recipe.dataset


def test_options_that_keep_the_weights_may_change(bits_run):
    parts = ["--backbone", "mlp:hidden=8,dropout=0.2", "--ordering", "random:seed=1"]
    done(
        "train",
        "--recipe",
        bits_run / "recipe.toml",
        "--backbone",
        "mlp:hidden=8",
        "--ordering",
        "raster",
        *SHORT,
        "--out",
        "first",
    )
    printed = done("train", "--from", "first", *parts, "--steps", 2, *CPU, "--out", "second").stdout
    assert "the weights were trained in the order raster, not in random:seed=1" in printed
    assert str(Run.open("second").recipe.backbone) == parts[1]
    wider = refused(
        call("train", "--from", "first", "--backbone", "mlp:hidden=9", "--steps", 2, *CPU, "--out", "third")
    )
    assert "a backbone with the weights of first" in wider and not Path("third").exists()


def test_units_are_those_of_the_first_run(tmp_path):
    rows = np.random.default_rng(0).normal(size=(100, 2))
    np.save("metres.npy", rows)
    np.save("more.npy", rows * 3 + 1)
    done("train", "npy:path=metres.npy", "--backbone", "fvsbn", *SHORT, "--out", "first")
    printed = done("train", "npy:path=more.npy", "--from", "first", "--steps", 2, *CPU, "--out", "second").stdout
    assert "keeps the units that it found in the data of first" in printed
    first, second = Run.open("first").head.data_state(), Run.open("second").head.data_state()
    assert first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--backbone", "made"], "the parts of bits, whose weights training begins with, got backbone"),
        (["npy:path=wide.npy"], "events of shape (4, 4), for which bits was trained, got (4, 5)"),
        (["toy"], "events of shape (4, 4)"),
    ],
)
def test_other_parts_and_shapes_are_refused(bits_run, others, arguments, complaint):
    assert complaint in refused(call("train", *arguments, "--from", "bits", *SHORT, "--out", "x"))
    assert "a run folder" in refused(call("train", "--from", "nowhere", *SHORT))


def test_another_table_is_read_by_the_first_runs_schema(tmp_path):
    def write(name, levels):
        rows = [f"{levels[i % len(levels)]},{i * 0.25}" for i in range(60)]
        (tmp_path / name).write_text("\n".join(["kind,size", *rows]) + "\n")
        return f"table:path={tmp_path / name}"

    own, fewer, others = write("own.csv", "abc"), write("fewer.csv", "bc"), write("others.csv", "abd")
    done("train", own, "--backbone", "made", *SHORT, "--out", "first")
    done("train", fewer, "--from", "first", "--steps", 2, *CPU, "--out", "second")
    first, second = Run.open("first"), Run.open("second")
    assert second.schema == first.schema == second.dataset.schema_document
    assert set(second.dataset.train[:, 0].tolist()) == {1.0, 2.0}
    assert "'d'" in refused(call("train", others, "--from", "first", "--steps", 2, *CPU, "--out", "third"))
