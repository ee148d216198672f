"""Paths of data: a run stays usable from other folders, and when it is moved along with its data."""

import os
from pathlib import Path

import pytest

from tensorar import DataError, PartSpec, Recipe, Registry, Run, train
from tensorar.parts.part import type_name
from tensorar.parts.plugins import Plugins
from tensorar.runs.paths import path_options, relative_paths, with_absolute_paths, with_found_paths
from tensorar.runs.recipe import read_recipe
from tensorar.runs.settings import TrainingSettings
from tensorar.workflows.recipes import find_recipe

SETTINGS = TrainingSettings(steps=1, batch_size=2)


@pytest.fixture
def registry():
    plugins = Plugins()
    plugins.load_installed()
    plugins.load_file(Path(__file__).with_name("path_dataset.py"))
    return Registry(plugins)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with data in it, which is the current one."""
    (tmp_path / "here" / "data").mkdir(parents=True)
    (tmp_path / "here" / "data" / "bits").write_text("101\n011\n110\n001\n")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def trained(path, registry, folder="runs/a", ordering="raster"):
    parts = {"ordering": ordering, "head": "bernoulli", "backbone": "fvsbn"}
    specs = {kind: PartSpec.parse(spec) for kind, spec in parts.items()}
    recipe = Recipe(dataset=PartSpec("bits", {"path": path, "word": "data/bits"}), **specs, training=SETTINGS)
    train(Run.create(folder, recipe, registry=registry), device="cpu")
    return Path(folder).absolute()


def test_options_are_paths_by_their_annotation(registry):
    bits = registry.find("dataset", "bits").part
    assert path_options(bits) == {"path", "other"}
    assert type_name(bits.option_parameters()["path"].annotation) == "path"


def test_a_run_is_usable_from_another_folder(place, registry, monkeypatch):
    folder = trained("data/bits", registry)
    monkeypatch.chdir("/")
    run = Run.open(folder, registry=registry)
    assert run.recipe.dataset.options == {"path": str(place / "data" / "bits"), "word": "data/bits"}
    assert run.provenance["paths"] == {"dataset": {"path": "../../data/bits"}}
    assert len(run.dataset.train) == 4
    assert train(run, resume=True, device="cpu") is None


def test_any_part_may_have_paths(place, registry, monkeypatch):
    folder = trained("data/bits", registry, ordering="written:path=data/bits")
    monkeypatch.chdir("/")
    assert Run.open(folder, registry=registry).recipe.ordering.options == {"path": str(place / "data" / "bits")}


@pytest.mark.parametrize("linked", [False, True])
def test_a_run_is_usable_when_it_is_moved_along_with_its_data(place, registry, linked):
    if linked:
        (place / "disk" / "of" / "runs").mkdir(parents=True)
        (place / "runs").symlink_to("disk/of/runs")
    folder = trained("data/bits", registry).relative_to(place)
    there = place.rename(place.with_name("there")) / folder
    os.chdir("/")
    assert len(Run.open(there, registry=registry).dataset.train) == 4
    recipe = find_recipe(there / "recipe.toml", registry)
    assert Path(recipe.dataset.options["path"]) == place.with_name("there") / "data" / "bits"


def test_the_absolute_path_comes_first(place, registry):
    folder = trained("data/bits", registry)
    copy = place.parent / "copy"
    (copy / "data").mkdir(parents=True)
    (copy / "data" / "bits").write_text("111\n")
    (copy / "runs").mkdir()
    folder.rename(copy / "runs" / "a")
    assert len(Run.open(copy / "runs" / "a", registry=registry).dataset.train) == 4
    (place / "data" / "bits").unlink()
    assert len(Run.open(copy / "runs" / "a", registry=registry).dataset.train) == 1


@pytest.mark.parametrize("written", ["~/bits", "$PLACE/bits", "${PLACE}/bits"])
def test_variables_and_homes_stay_as_written(place, registry, monkeypatch, written):
    monkeypatch.setenv("PLACE", str(place / "data"))
    monkeypatch.setenv("HOME", str(place / "data"))
    folder = trained(written, registry)
    assert read_recipe(folder / "recipe.toml")[0].dataset.options["path"] == written
    (place / "moved").mkdir()
    (place / "data" / "bits").rename(place / "moved" / "bits")
    monkeypatch.setenv("PLACE", str(place / "moved"))
    monkeypatch.setenv("HOME", str(place / "moved"))
    assert len(Run.open(folder, registry=registry).dataset.train) == 4
    (place / "moved" / "bits").rename(place / "data" / "bits")
    monkeypatch.delenv("PLACE")
    assert len(Run.open(folder, registry=registry).dataset.train) == 4, "relative to the run"


def test_all_paths_that_were_tried_are_named(place, registry):
    folder = trained("data/bits", registry)
    there = folder.rename(place / "b")
    (place / "data" / "bits").unlink()
    run = Run.open(there, registry=registry)
    tried = f"the path of the dataset bits at {place}/data/bits or {place.parent}/data/bits, got no such file"
    with pytest.raises(DataError, match=tried):
        _ = run.dataset
    assert len(run.model.sample(2)) == 2


def test_the_beginning_of_file_names_is_a_path(place, registry):
    specs = {kind: PartSpec(kind) for kind in ("ordering", "head", "backbone")}
    specs |= {"ordering": PartSpec("raster"), "head": PartSpec("bernoulli"), "backbone": PartSpec("fvsbn")}
    recipe = with_absolute_paths(Recipe(dataset=PartSpec("bits", {"path": "data/bi"}), **specs), registry)
    relative = relative_paths(recipe, place / "runs", registry)
    assert relative == {"dataset": {"path": "../data/bi"}}
    there = place.rename(place.with_name("there"))
    found = with_found_paths(recipe, relative, there / "runs")
    assert found.dataset.options["path"] == str(there / "data" / "bi")


def test_a_path_with_both_quotes_stays_relative(tmp_path, registry, monkeypatch):
    (tmp_path / "a'\"b").mkdir()
    monkeypatch.chdir(tmp_path / "a'\"b")
    Path("bits").write_text("10\n01\n")
    folder = trained("bits", registry, "run")
    assert len(Run.open(folder, registry=registry).dataset.train) == 2
