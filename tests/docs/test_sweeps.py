"""docs/how-to/sweeps.md: both sweeps run as they are written; docs/how-to/look-into-runs.md: its Python does."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from tests.cli.commands import call, environment, report

PAGES = Path(__file__).parents[2] / "docs" / "how-to"


def block(page, language, index=0):
    return re.findall(rf"```{language}\n(.*?)```", (PAGES / page).read_text(), flags=re.DOTALL)[index]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
def test_the_loop_in_the_shell_runs(tmp_path, monkeypatch):
    """In one process: the loop calls a function that records the commands, which then run here."""
    recorder = 'tensorar() { printf "%s\\n" "$*" >> commands.txt; }\n'
    script = recorder + block("sweeps.md", "bash")
    subprocess.run(["sh", "-eu", "-c", script], cwd=tmp_path, check=True, env=environment(), timeout=60)
    lines = (tmp_path / "commands.txt").read_text().splitlines()
    assert len(lines) == 6 and len({line for line in lines if line.startswith("train")}) == 4
    monkeypatch.chdir(tmp_path)
    for line in lines[:4]:
        result = call(*line.split(), "--device", "cpu")
        assert result.exit_code == 0, result.output
    found = report("runs", "list", "runs/sweep", "--sort", "nats")["runs"]
    assert len(found) == 4 and [run["nats"] for run in found] == sorted(run["nats"] for run in found)
    compared = report("compare", *sorted(Path("runs/sweep").iterdir()), "--split", "valid", "--no-baselines")
    assert len([entry for entry in compared["entries"] if entry["kind"] == "run"]) == 4


def test_the_study_of_optuna_runs(tmp_path, monkeypatch, capsys):
    pytest.importorskip("optuna", reason="needs Optuna: pip install optuna")
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        exec(block("sweeps.md", "python"), {"__name__": "sweep"})
    assert "learning_rate" in capsys.readouterr().out
    assert (tmp_path / "runs" / "optuna" / "0" / "model.safetensors").exists()
    # the state of a pruned trial is there too
    assert all((folder / "training" / "state.safetensors").exists() for folder in (tmp_path / "runs/optuna").iterdir())


def test_the_python_on_looking_into_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    train = ["train", "toy:length=8,fixed=200", "--backbone", "fvsbn", "--steps", "3", "--out", "runs/toy"]
    assert call(*train, "--device", "cpu").exit_code == 0
    exec(block("look-into-runs.md", "python"), {})
    printed = capsys.readouterr().out
    assert "Run('runs/toy'" in printed and "nats per event" in printed and "Order(" in printed
    assert (tmp_path / "field.png").exists()
