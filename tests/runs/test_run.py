"""Run folders: creating and opening them, their models and metrics."""

import json
import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import PartSpec, PluginError, Recipe, Registry, Run, RunError, SpecError, TrainingSettings, recipe_toml
from tensorar.parts.plugins import Plugins
from tensorar.runs.tensors import read_tensors, write_tensors

from .helpers import metrics_row, write_recipe

PARTS = {"dataset": "toy:length=4,fixed=30", "ordering": "raster", "head": "categorical:levels=8", "backbone": "fvsbn"}


def recipe(**changed):
    parts = {kind: PartSpec.parse(spec) for kind, spec in (PARTS | changed).items()}
    return Recipe(**parts, training=TrainingSettings(seed=7))


@pytest.fixture
def run(tmp_path):
    made = Run.create(tmp_path / "run", recipe())
    made.save_recipe()
    return made


def test_a_new_run_writes_nothing_before_its_recipe_is_saved(tmp_path):
    made = Run.create(tmp_path / "a" / "run", recipe())
    assert list(tmp_path.iterdir()) == []
    made.save_recipe()
    assert [path.name for path in made.folder.iterdir()] == ["recipe.toml"]


def test_an_opened_run_is_the_one_created(run):
    opened = Run.open(run.folder)
    assert (opened.recipe, opened.provenance, opened.event_shape) == (run.recipe, run.provenance, (4,))
    assert opened.dataset.event_shape == (4,)
    assert opened.provenance["plugins"]["head"]["distribution"] == "tensorar"


def test_a_run_with_settings_in_other_types_is_opened(tmp_path):
    whole = replace(recipe(), training=TrainingSettings(minutes=1, learning_rate=1))
    Run.create(tmp_path, whole).save_recipe()
    assert Run.open(tmp_path).recipe == whole


def test_a_second_run_in_a_folder_is_refused(run):
    with pytest.raises(RunError, match="a folder without a run"):
        Run.create(run.folder, recipe())


def test_parts_are_looked_up_before_a_run_is_created(tmp_path):
    with pytest.raises(SpecError, match="did you mean 'fvsbn'"):
        Run.create(tmp_path / "run", recipe(backbone="fvsbm"))


def test_a_new_model_depends_on_the_seed_only_and_preserves_the_random_state(run):
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    one, other = run.new_model().state_dict(), Run.open(run.folder).new_model().state_dict()
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_the_model_has_the_weights_that_were_saved(run):
    model = run.new_model()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    run.save_model(model)
    opened = Run.open(run.folder).model
    assert not opened.training
    x = run.dataset.test[:5]
    assert torch.equal(opened.log_prob(x), model.log_prob(x))


@pytest.mark.parametrize("other", ["mlp:hidden=3", "convnet:channels=2"])
def test_weights_of_another_model_do_not_fit(run, other):
    run.save_model(run.new_model())
    write_recipe(run.folder, recipe(backbone=other), run.provenance, run.registry)
    with pytest.raises(RunError, match=r"to fit its recipe, got others for backbone\.\S+, .* and \d+ more; restore"):
        _ = Run.open(run.folder).model


def test_weights_of_another_shape_do_not_fit(run):
    tensors = {key: value[..., :1] for key, value in run.new_model().state_dict().items()}
    write_tensors(run.folder / "model.safetensors", tensors)
    with pytest.raises(RunError, match="to fit its recipe"):
        _ = run.model


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[:-1], lambda b: b[:40], lambda b: b"{" * 100])
def test_damaged_weights(run, damage):
    run.save_model(run.new_model())
    path = run.folder / "model.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(RunError, match=r"complete safetensors file, got .*; the file is damaged"):
        read_tensors(path)


def test_a_folder_without_a_run(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(RunError, match=r"with a recipe\.toml"):
            Run.open(folder)


def test_a_missing_plugin_is_named(run):
    nothing = Registry(Plugins())
    with pytest.raises(PluginError, match=r"the dataset 'toy', .*install it: pip install tensorar=="):
        Run.open(run.folder, registry=nothing)
    for plugins in ({}, {"dataset": {"plugin": "toys", "distribution": "toys; rm -rf ~", "version": "1"}}):
        (run.folder / "recipe.toml").write_text(recipe_toml(recipe(), {"event_shape": [4], "plugins": plugins}))
        with pytest.raises(PluginError, match="install the plugin that provides it"):
            Run.open(run.folder, registry=nothing)


def test_a_dataset_whose_shape_has_changed(run):
    write_recipe(run.folder, recipe(dataset="toy:length=5,fixed=30"), run.provenance, run.registry)
    with pytest.raises(RunError, match=r"events of shape \(4,\), for which .* was trained, got \(5,\) from toy:len"):
        _ = Run.open(run.folder).dataset


# --- metrics --------------------------------------------------------------------------------------------------------

ROWS = [metrics_row(step) for step in (1, 2, 3)]


@pytest.fixture
def measured(run):
    for row in ROWS:
        run.add_metrics(row)
    return run


def test_metrics_round_trip(run, measured):
    assert measured.metrics() == ROWS
    assert Run.create(run.folder / "other", recipe()).metrics() == []


@given(cut=st.integers(1, 200), tail=st.sampled_from([b"", b'{"step": 4, "val', b"\xff", b"\0" * 50]))
def test_a_last_line_cut_off_is_left_out(cut, tail, tmp_path_factory):
    run = Run.create(tmp_path_factory.mktemp("cut"), recipe())
    whole = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
    run.metrics_path.write_bytes(whole[:cut] if tail == b"" else whole + tail)
    kept = whole[:cut].count(b"}") if tail == b"" else 3
    assert run.metrics() == ROWS[:kept]


def test_metrics_after_a_step_and_a_cut_line_are_removed(measured):
    with measured.metrics_path.open("a") as file:
        file.write('{"step": 4, "val')
    measured.drop_metrics_after(2)
    assert measured.metrics_path.read_text() == "".join(json.dumps(row) + "\n" for row in ROWS[:2])
    measured.add_metrics(ROWS[2])
    assert [row["step"] for row in measured.metrics()] == [1, 2, 3]


def test_infinity_is_null_in_json(run):
    run.add_metrics({"step": 1, "valid_nats": math.inf, "more": [math.nan, {"a": -math.inf}]})
    text = run.metrics_path.read_text()
    assert text == '{"step": 1, "valid_nats": null, "more": [null, {"a": null}]}\n'


def test_metrics_that_cannot_be_written(run):
    run.metrics_path.mkdir()
    with pytest.raises(RunError, match=r"expected to write .*metrics.jsonl, got Is a directory"):
        run.add_metrics(ROWS[0])
