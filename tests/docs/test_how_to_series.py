"""The how-to pages on series, sounds and volumes: their commands run, in the order of the page, with a few steps."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
import soundfile

from tensorar import default_registry
from tests.cli.commands import call

PAGES = Path(__file__).parents[2] / "docs" / "how-to"
FEW_STEPS = "--steps 2 --batch-size 4 --backbone rnn:hidden=4,layers=1"
WRITTEN = {
    "forecast.md": ["forecast.csv", "forecast.png", "next.csv", "completed.npy"],
    "audio.md": ["three-4.wav", "on-2.wav", "completed/completion-3.wav"],
    "volumes.md": ["runs/scans/samples.png", "drawn/sample-4.nii.gz", "completed/completion-2.nii.gz"],
}


def _commands(page):
    blocks = re.findall(r"```bash\n(.*?)```", (PAGES / page).read_text(), flags=re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("tensorar ")]


@pytest.fixture
def _files(tmp_path, monkeypatch):
    """The files that the pages name."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    days = pd.date_range("1988-01-01", periods=300)
    table = pd.DataFrame({"Date": days.strftime("%Y-%m-%d"), "Temp": rng.normal(10, 3, 300).round(1)})
    table.to_csv("temperatures.csv", index=False)
    table[-40:].to_csv("recent.csv", index=False)
    Path("speech").mkdir()
    for k in range(6):
        soundfile.write(f"speech/{k % 2 + 3}_voice_{k}.wav", 0.1 * rng.normal(size=200), 8000)
    soundfile.write("start.wav", 0.1 * rng.normal(size=100), 8000)
    Path("scans").mkdir()
    for k in range(4):
        volume = nibabel.Nifti1Image(rng.normal(size=(9, 10, 16)), np.eye(4))
        nibabel.save(volume, f"scans/{k:02}.nii.gz")
    np.save("rolls.npy", rng.integers(0, 2, (12, 8, 5), dtype=np.uint8))


@pytest.mark.parametrize("page", WRITTEN)
@pytest.mark.usefixtures("_files")
def test_the_commands_run(page):
    shorter = {
        "window=60": "window=12",
        "--draws 500": "--draws 5",
        "window=512": "window=64",
        "--horizon 2000": "--horizon 40",
        "size=8": "size=3",
    }
    for line in _commands(page):
        line = re.sub("--minutes 30|--steps 600", FEW_STEPS, line)
        for said, instead in shorter.items():
            line = line.replace(said, instead)
        result = call(*shlex.split(line)[1:])
        assert result.exit_code == 0, f"{line}\n{result.output}"
    assert [name for name in WRITTEN[page] if not Path(name).is_file()] == []


@pytest.mark.parametrize(("page", "dataset"), [("forecast.md", "series"), ("audio.md", "audio")])
def test_the_options_on_the_page_exist(page, dataset):
    rows = re.findall(r"^\| (`.*?) \|", (PAGES / page).read_text(), flags=re.MULTILINE)
    options = default_registry().find("dataset", dataset).part.option_parameters()
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} <= options.keys()
