"""The tables of the docs are those of the recorded files, and the study of orders runs."""

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tests" / "benchmarks")
    return importlib.import_module


@pytest.mark.parametrize("page", ["benchmarks.md", "orderings.md", "how-to/compress.md"])
def test_the_tables_are_generated_from_the_recorded_files(page, benchmark):
    text = (ROOT / "docs" / page).read_text()
    assert benchmark("make_tables").with_tables(text, page) == text


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
