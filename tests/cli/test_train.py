"""``tensorar train``: chosen and given parts, recipes, settings, plugins, resuming."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tensorar import Run, load_dataset, read_recipe
from tensorar.runs.tensors import read_tensors

from .commands import PLUGIN, SHORT, call, contents, done, refused, report


def test_parts_that_are_not_given_are_chosen_and_printed(bits):
    result = done("train", f"npy:path={bits}", *SHORT)
    assert result.stdout.startswith("chosen: ordering raster, head bernoulli, backbone nade\n")
    assert "step      3" in result.stdout
    assert "tensorar evaluate runs/npy-nade" in result.stdout
    run = Run.open("runs/npy-nade")
    assert str(run.recipe.backbone) == "nade"
    assert run.event_shape == (4, 4)
    assert {path.name for path in run.folder.iterdir()} == {
        "recipe.toml",
        "model.safetensors",
        "metrics.jsonl",
        "training",
        "training.png",
    }


@pytest.mark.parametrize(
    ("data", "chosen"),
    [
        ("toy:fixed=40", "ordering raster, head categorical:levels=64,one_hot=true, backbone rnn:layers=1"),
        ("toy:length=8,fixed=40", "ordering shuffled, head categorical:levels=16,one_hot=true, backbone mlp"),
        ("table:path=table.csv", "ordering shuffled, head columns:heads="),
    ],
)
def test_chosen_parts_follow_from_shape_and_support(data, chosen, tmp_path):
    rows = [f"{i % 7 - 3.5},{i % 5 / 7}" for i in range(40)]
    (tmp_path / "table.csv").write_text("\n".join(["a,b", *rows]))
    result = done("train", data, *SHORT)
    assert f"chosen: {chosen}" in result.stdout


def test_given_parts_are_used_as_they_are(bits):
    parts = ["--ordering", "snake", "--head", "categorical:levels=2", "--backbone", "mlp:hidden=4"]
    result = report("train", f"npy:path={bits}", *parts, *SHORT, "--out", "here")
    assert result["run"] == "here"
    recipe = Run.open("here").recipe
    assert [str(recipe.ordering), str(recipe.head), str(recipe.backbone)] == parts[1::2]


def test_a_second_run_gets_a_new_folder(bits):
    folders = [report("train", f"npy:path={bits}", *SHORT)["run"] for _ in range(2)]
    assert folders == ["runs/npy-nade", "runs/npy-nade-2"]


def test_json_is_one_object_with_all_metrics(bits):
    result = report("train", f"npy:path={bits}", *SHORT, "--set", "evaluate_every=2")
    assert [row["step"] for row in result["metrics"]] == [2, 3]
    assert result["best_valid_nats"] == min(row["valid_nats"] for row in result["metrics"])
    assert result["interrupted"] is False
    assert result["exact_valid_nats"] is None


def test_training_reports_the_gap_to_the_entropy_of_the_toy():
    toy = load_dataset("toy:length=8,fixed=40")
    exact = -float(toy.log_prob(toy.valid).mean())
    train = ["train", "toy:length=8,fixed=40", "--backbone", "mlp:hidden=8", *SHORT, "--set", "valid_events=2000"]
    result = report(*train)
    assert result["exact_valid_nats"] == pytest.approx(exact)
    assert result["best_valid_nats"] > exact
    distance = result["best_valid_nats"] - exact
    shown = done(*train).stdout
    assert f"{distance:.3f} above the exact {exact:.3f};" in shown
    assert f"{distance:.3f} above the exact nats of the data\n" in shown


HEAD_THAT_OVERFLOWS = """
import torch
import tensorar


class PlainNormal(tensorar.Head):
    '''Normal distributions of values as they are, squares of which overflow.'''

    name = "plain_normal"
    parameter_count = feature_count = 1
    support = torch.distributions.constraints.real

    def encode(self, value, coefficients=None):
        return value.clamp(-9, 9).unsqueeze(-1)

    def distribution(self, parameters, coefficients=None):
        return torch.distributions.Normal(parameters[..., 0], 1.0, validate_args=False)


@tensorar.hookimpl
def tensorar_heads():
    return [PlainNormal]
"""


@pytest.mark.parametrize("more", [[], ["--set", "evaluate_every=1,patience=1"]])
def test_a_training_without_a_finite_validation_reports_it_and_keeps_its_weights(more, tmp_path):
    train = np.random.default_rng(0).normal(size=(40, 2))
    np.savez("x.npz", train=train, valid=np.full((5, 2), 1e30), test=train[:5])
    Path("plain.py").write_text(HEAD_THAT_OVERFLOWS)
    parts = ["--plugin", "plain.py", "--head", "plain_normal", "--backbone", "mlp:hidden=4", *SHORT, *more]
    message = refused(call("train", "npz:path=x.npz", *parts, "--out", "run"))
    assert re.search(
        r"a finite validation of run, got none in [12]; lower --learning-rate, choose another --head", message
    )
    assert np.isfinite(report("evaluate", "run", "--plugin", "plain.py")["nats"])
    resumed = call("train", "--resume", "run", "--plugin", "plain.py", "--device", "cpu")
    assert "a finite validation" in refused(resumed)


@pytest.mark.parametrize(
    "parts", [["--backbone", "row_lstm", "--ordering", "hilbert"], ["--head", "beta"], ["--set", "batch_size=0"]]
)
def test_a_training_is_announced_after_all_checks(bits, parts, tmp_path):
    before = contents(tmp_path)
    result = call("train", f"npy:path={bits}", *SHORT, *parts)
    refused(result)
    assert "training" not in result.stdout
    assert contents(tmp_path) == before
    assert "\ntraining nade on npy:path=" in done("train", f"npy:path={bits}", *SHORT).stdout


def test_settings_come_from_options_and_from_set(bits):
    settings = ["--learning-rate", "0.01", "--seed", "3", "--set", "ema=0.5", "--set", "warmup=1,clip=2"]
    done("train", f"npy:path={bits}", *SHORT, *settings, "--out", "here")
    made = Run.open("here").recipe.training
    assert (made.learning_rate, made.seed, made.ema, made.warmup, made.clip) == (0.01, 3, 0.5, 1, 2.0)
    assert (made.steps, made.batch_size, made.valid_events) == (3, 8, 20)


def test_a_recipe_by_name_with_another_length_and_another_part():
    named = ["--recipe", "toy-convnet", "--backbone", "convnet:channels=2,hidden=4"]
    done("train", *named, *SHORT, "--out", "here")
    recipe = Run.open("here").recipe
    assert recipe.name == "toy-convnet"
    assert (str(recipe.dataset), str(recipe.backbone)) == ("toy", "convnet:channels=2,hidden=4")
    assert (recipe.training.steps, recipe.training.minutes) == (3, None), "the new length replaces the recipe's"


def test_the_recipe_of_a_run_trains_the_same_again(bits_run):
    report("train", "--recipe", bits_run / "recipe.toml", "--out", "again", "--device", "cpu")
    for name in ("model.safetensors", "training/state.safetensors"):
        expected, got = read_tensors(bits_run / name)[0], read_tensors(Run.open("again").folder / name)[0]
        assert all(got[key].equal(expected[key]) for key in expected), name
    assert read_recipe(bits_run / "recipe.toml")[0] == Run.open("again").recipe


def test_a_single_file_plugin_provides_ordering_head_dataset_and_recipe():
    parts = ["--ordering", "backwards", "--head", "coin"]
    done("train", "stripes:side=3", *parts, "--plugin", PLUGIN, *SHORT, "--out", "named")
    result = report("train", "--recipe", "striped", "--plugin", PLUGIN, "--device", "cpu", "--out", "recipe")
    assert [row["step"] for row in result["metrics"]] == [4]
    for run in ("named", "recipe"):
        assert report("evaluate", run, "--plugin", PLUGIN)["exact"] is True


def test_resuming_a_finished_training_changes_nothing(bits_run):
    before = contents(bits_run)
    result = report("train", "--resume", bits_run, "--device", "cpu")
    after = contents(bits_run)
    assert result["metrics"] == [json.loads(line) for line in (bits_run / "metrics.jsonl").read_text().splitlines()]
    assert after == before


@pytest.mark.parametrize(
    "more",
    [
        ["toy"],
        ["--recipe", "toy-convnet"],
        ["--head", "bernoulli"],
        ["--seed", "9"],
        ["--out", "x"],
        ["--from", "x"],
    ],
    ids=lambda more: more[0],
)
def test_resuming_refuses_anything_that_would_change_the_run(bits_run, more):
    assert "--resume without" in refused(call("train", "--resume", bits_run, *more))
