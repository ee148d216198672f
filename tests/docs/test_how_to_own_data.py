"""docs/how-to/own-data.md: its files are written, its commands run, and what it says of heads and datasets is so."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from tensorar import default_registry
from tensorar.suggestions import suggest_heads
from tests.docs.sessions import commands, run_briefly

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "own-data.md").read_text()
HEADS = dict(re.findall(r"^\| ([a-z0-9][^|`]*?) \| `(\w+)", PAGE, flags=re.MULTILINE))
VALUES = {
    "0 and 1, of any dtype": torch.tensor([[0.0, 1.0]] * 100),
    "other whole numbers from 0 below 4096; a few values that repeat": torch.tensor([[0, 4095], [3, 9]] * 100),
    "whole numbers of a wider range": torch.arange(-4000, 4000).reshape(-1, 2),
    "real numbers": torch.linspace(-1, 1, 400).reshape(-1, 2),
}


def test_the_files_and_the_commands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    exec(code, {})
    run_briefly(commands(PAGE), {"--steps 60": "--steps 2 --batch-size 8"})
    drawn = np.load("drawn.npy")
    assert drawn.shape == (8, 6, 6) and drawn.dtype == np.uint8


@pytest.mark.parametrize("values", VALUES)
def test_the_heads_are_those_that_are_chosen(values):
    assert suggest_heads(VALUES[values])[0].name == HEADS[values]


def test_every_dataset_for_files_of_the_user_is_on_the_page():
    parts = default_registry().parts("dataset")
    # density2d draws points of a picture, mnist is a copy of the published files
    own = {name for name, found in parts.items() if "own" in found.part.description().lower().split()}
    assert own and own == {name for name in own if f"`{name}:path=" in PAGE}
