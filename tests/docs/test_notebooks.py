"""The notebooks: their cells run and display something, in a few steps; with a kernel on the slow list."""

from __future__ import annotations

import ast
import json
import warnings
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "examples").glob("*.ipynb"))
DISPLAYS = ("_repr_html_", "_repr_png_")


def _cells(path):
    cells = json.loads(path.read_text())["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def _run(code, names):
    """Run a cell, and return what its last line is worth."""
    tree = ast.parse(code)
    last = ast.Expression(tree.body.pop().value) if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return last and eval(compile(last, "cell", "eval"), names)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_cells_run_in_a_few_steps(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    names, displayed = {"__name__": "__main__"}, 0
    code = _cells(path)
    assert sum("\nSTEPS = " in cell for cell in code) == 1
    for cell in code:
        value = _run(cell.replace("\nSTEPS = ", "\nSTEPS = 2 + 0 * "), names)
        pictures = [getattr(value, name)() for name in DISPLAYS if hasattr(value, name)]
        assert any(pictures) or not pictures
        displayed += bool(pictures)
    assert displayed >= 4


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_stored_for_every_cell_that_displays_something(path):
    """Made by ``jupyter execute --inplace examples/*.ipynb``; whoever changes a cell runs it again."""
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert len(outputs) >= 4 and not any(output["output_type"] == "error" for output in outputs)
    assert path.stat().st_size < 400_000


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run_in_a_kernel(path, tmp_path):
    client = pytest.importorskip("nbclient", reason="needs nbclient: pip install tensorar[docs]")
    nbformat = pytest.importorskip("nbformat")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        notebook = nbformat.read(path, as_version=4)
        done = client.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert all(cell.get("execution_count") for cell in done.cells if cell.cell_type == "code")
