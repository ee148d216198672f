"""docs/pictures.md: its commands run, on small digits with a few steps of training, and its Python."""

from __future__ import annotations

import re
from pathlib import Path

import torch

import tensorar
from tests.docs.sessions import commands, run_briefly

PAGE = (Path(__file__).parents[2] / "docs" / "pictures.md").read_text()
SHORTER = {
    "mnist:binarize=static --backbone mlp": "digits --backbone mlp:hidden=8",
    "--steps 4468": "--steps 2",
    "--events 4 --completions 5": "--events 1 --completions 2",
    "--example 7": "--example 7 --steps 1,30",
}


def test_the_commands_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_briefly(commands(PAGE), SHORTER)
    drawn = {path.name for path in tmp_path.glob("*.*")}
    assert drawn == {"digits.png", "digits-uncertainty.png", "order.gif", "walk.html"}


def test_the_python_runs():
    model = tensorar.build((2, 3), "shuffled", "bernoulli", "mlp:hidden=4").eval()
    evidence = tensorar.Evidence.none(2, (2, 3))
    names = {"model": model, "evidence": evidence, "completions": torch.zeros(2, 1, 2, 3)}
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    exec(code, names)
    assert names["found"].value.shape == (2, 2, 3) and names["found"].completions is None
