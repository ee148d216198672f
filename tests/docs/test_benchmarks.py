"""The tables of the docs are those of the recorded files, and the study of orders runs."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from tensorar import TrainingSettings, default_registry, load_dataset
from tensorar.runs.recipe import recipe_document
from tensorar.runs.result import read_result
from tensorar.workflows import train

ROOT = Path(__file__).parents[2]


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tests" / "benchmarks")
    return importlib.import_module


PAGES = ("benchmarks.md", "conditioning.md", "courses.md", "orderings.md", "how-to/compress.md", "how-to/serve.md")


@pytest.mark.parametrize("page", PAGES)
def test_the_tables_are_generated_from_the_recorded_files(page, benchmark):
    text = (ROOT / "docs" / page).read_text()
    assert benchmark("make_tables").with_tables(text, page) == text


RESULTS = sorted((ROOT / "docs" / "results").glob("*.json"))


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_a_recorded_result_is_that_of_its_recipe(path):
    """What a result says of its experiment is what its command does now; who misses the paper says why."""
    result = read_result(path)
    recipe = default_registry().find("recipe", path.stem).part
    assert result["name"] == path.stem
    assert result["command"] == f"tensorar reproduce {path.stem}"
    assert result["recipe"]["parts"] == recipe_document(recipe)["parts"]
    assert TrainingSettings.from_dict(result["recipe"]["training"]) == recipe.training
    assert len(result["models"]) == max(recipe.row.folds, 1)
    assert recipe.row.reason if recipe.row.misses(result["figure"]) else not recipe.row.reason
    assert result["exact"] or "estimate" in recipe.row.note


@pytest.mark.slow
@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_a_recorded_result_is_of_the_whole_test_set(path, data_folder):
    result = read_result(path)
    assert result["events"] == sum(len(load_dataset(model["data"]).test) for model in result["models"])


def test_every_recorded_curve_is_drawn(benchmark):
    panels = benchmark("plot_rows").draw().axes
    drawn = {line.get_label() for panel in panels for line in panel.get_lines() if not line.get_label().startswith("_")}
    assert drawn == {path.stem for path in RESULTS}


def test_the_study_of_orders_runs_and_goes_on(benchmark, tmp_path, capsys):
    """Every order has a row; raster is compared with itself, and nothing is trained twice."""
    orders = benchmark("orders")
    rows = orders.main([str(tmp_path), "--quick"])
    assert [row["order"] for row in rows] == [*orders.FIXED, *orders.ADAPTIVE]
    assert all(("own" in row) == (row["order"] in orders.FIXED) for row in rows)
    assert rows[0]["shared"]["difference"] == rows[0]["own"]["paired_error"] == 0
    assert all(row["shared"]["paired_error"] > 0 for row in rows[1:])
    capsys.readouterr()
    again = orders.main([str(tmp_path), "--quick"])
    assert "tensorar train" not in capsys.readouterr().out
    assert [row["shared"] for row in again] == [row["shared"] for row in rows]


def test_the_halves_are_evaluated_exactly_by_particles_and_clamped(benchmark, tmp_path, capsys):
    """A model of all orders is exact; particles are for what a fixed order visits late, which clamping ignores."""
    bits = tmp_path / "bits.npy"
    np.save(bits, np.random.default_rng(0).integers(0, 2, (200, 6, 6)).astype(np.uint8))
    for ordering, backbone in (("shuffled", "mlp:hidden=8"), ("raster", "fvsbn")):
        parts = {"head": "bernoulli", "backbone": backbone, "ordering": ordering, "device": "cpu"}
        train(f"npy:path={bits}", out=tmp_path / ordering, steps=2, **parts)
    rows = benchmark("halves").main([str(tmp_path / "shuffled"), str(tmp_path / "raster"), "--events", "4"])
    first, *others = rows
    assert all(row["any_order"]["exact"] and row["clamped"]["exact"] for row in rows)
    assert first["fixed"]["exact"] and first["fixed"]["nats"] == pytest.approx(first["clamped"]["nats"], abs=1e-5)
    assert not any(row["fixed"]["exact"] for row in others)
    assert "by particles" in capsys.readouterr().out
