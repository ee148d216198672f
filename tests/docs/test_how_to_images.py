"""The how-to pages on images: their commands run, in the order of the page, with a few steps of training."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tensorar import default_registry
from tests.cli.commands import call

PAGES = Path(__file__).parents[2] / "docs" / "how-to"
MINUTES = "--minutes 30"
FEW_STEPS = "--steps 1 --batch-size 2 --set valid_events=2 --backbone pixelcnn:channels=4,blocks=1"


def _commands(page):
    blocks = re.findall(r"```bash\n(.*?)```", (PAGES / page).read_text(), flags=re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("tensorar ")]


@pytest.fixture
def _pictures(tmp_path, monkeypatch):
    """The folder ``photos``, and the pictures that the pages name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    rng = np.random.default_rng(0)
    for k in range(12):
        Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)).save(tmp_path / "photos" / f"{k}.png")
    np.save("scans.npy", rng.integers(0, 9, (20, 4, 4, 2), dtype=np.uint8))
    photo = rng.integers(0, 256, (40, 60, 4), dtype=np.uint8)
    photo[..., 3] = 255
    Image.fromarray(photo).convert("RGB").save(tmp_path / "photo.png")
    photo[20:, :, 3] = 0
    Image.fromarray(photo).save(tmp_path / "hole.png")
    Image.fromarray(255 - photo[..., 3]).save(tmp_path / "mask.png")


@pytest.mark.parametrize("page", ["own-images.md", "inpaint-a-photo.md"])
@pytest.mark.usefixtures("_pictures")
def test_the_commands_run(page):
    assert MINUTES in _commands(page)[0]
    for line in _commands(page):
        line = line.replace(MINUTES, FEW_STEPS)
        result = call(*shlex.split(line)[1:])
        assert result.exit_code == 0, f"{line}\n{result.output}"
    if page == "inpaint-a-photo.md":
        assert {path.name for path in Path("completed").iterdir()} == {
            "sheet.png",
            *(f"completion-{k}.png" for k in (1, 2, 3, 4)),
        }


def test_the_options_on_the_page_exist():
    page = (PAGES / "own-images.md").read_text()
    names = {
        name for row in re.findall(r"^\| (`.*?) \|", page, flags=re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    options = default_registry().find("dataset", "images").part.option_parameters()
    assert names <= options.keys()
    assert options.keys() - names == {"path", "valid_fraction", "test_fraction", "seed"}
