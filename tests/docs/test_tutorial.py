"""docs/tutorial.md: its Python and its commands run, the latter on small digits with a few steps of training."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from tests.docs.sessions import commands, run_briefly

PAGE = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text()
SHORTER = {
    "mnist:binarize=static": "digits",
    "pixelcnn:channels=16,blocks=4": "pixelcnn:channels=4,blocks=1",
    "--steps 2000": "--steps 2 --batch-size 8 --set valid_events=8",
    "--recipe mnist-order-agnostic": "digits --ordering shuffled --backbone mlp:hidden=8 --steps 2",
    "--events 1000": "--events 8",
    "--number 16": "--number 2",
    "--steps 200,400,600": "--steps 20,40",
    "--coefficient 0,14,14": "--coefficient 0,4,4",
    "--events 4 --completions 4": "--events 1 --completions 2",
}


def test_the_python_shows_what_it_says(capsys):
    torch.manual_seed(0)
    names = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL):
        exec(code, names)
    assert names["model"].log_prob(names["all_events"]).exp().sum().item() == pytest.approx(1)
    assert names["model"].log_prob(names["checkerboards"]).exp().detach().tolist() == pytest.approx(
        [0.5, 0.5], abs=0.02
    )
    assert "tensor([[0, 1, 2],\n        [3, 4, 5]])" in capsys.readouterr().out


def test_the_commands_draw_the_pictures_of_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_briefly(commands(PAGE), SHORTER)
    drawn = {f"tutorial-{path.name}" for path in tmp_path.glob("*.png")}
    assert drawn == set(re.findall(r"\(pictures/(tutorial-.*?)\)", PAGE))
