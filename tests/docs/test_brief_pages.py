"""Pages whose commands take long: they run on small data, with a few steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas
import pytest

from tests.cli.commands import call
from tests.docs.sessions import commands, run_briefly

ROOT = Path(__file__).parents[2]
FEW = "--steps 2 --batch-size 8 --set valid_events=8"
README = {
    "train mnist:binarize=static": f"train digits {FEW} --backbone fvsbn --out runs/small",
    "train --recipe mnist-convnet": f"train digits {FEW} --backbone made:hidden=8 --out runs/mnist-convnet",
    "evaluate runs/mnist-convnet ": "evaluate runs/mnist-convnet --events 4 ",
    "-n 64": "-n 2",
    "--evidence": "--events 1 --evidence",
    "--events 20": "--events 2",
    "--steps 200,400": "--steps 20,40",
    "train mnist:binarize=dynamic,labels=true": f"train digits:labels=true --backbone fvsbn {FEW}",
    "sample runs/digits": "sample runs/digits -n 2",
    "train table:path=people.csv": f"train table:path=people.csv {FEW}",
    "--horizon 30": "--horizon 3 --draws 10",
    "window=60": f"window=12 {FEW}",
    "compare runs/mnist-convnet": "compare runs/mnist-convnet --events 8 --no-baselines",
}
HALVES = {
    "RUN": "runs/raster",
    "--particles 200": "--particles 8",
    "--evidence": "--events 1 -n 2 --evidence",
    "--given": "--events 2 --given",
}


def _page(name):
    return commands((ROOT / name).read_text())


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def _bits(shape=(40, 2, 3)):
    np.save("bits.npy", np.random.default_rng(0).integers(0, 2, shape, dtype=np.uint8))


def test_conditioning():
    """Enumerated, by particles, with a proposal, and evaluated."""
    _bits()
    for ordering, backbone, out in (("raster", "fvsbn", "raster"), ("shuffled", "mlp:hidden=8", "any-order")):
        parts = ["--ordering", ordering, "--backbone", backbone, "--out", f"runs/{out}"]
        assert call("train", "npy:path=bits.npy", *FEW.split(), *parts).exit_code == 0
    run_briefly(_page("docs/conditioning.md"), HALVES)


def test_orderings():
    _bits((40, 4, 4))
    run_briefly(_page("docs/orderings.md"), {"mnist:binarize=static": f"npy:path=bits.npy {FEW}"})
    assert Path("runs/rim/inpainting.png").exists()


def test_several_machines():
    _bits((200, 4))
    shorter = {"train mnist": "train npy:path=bits.npy --steps 1", "--batch-size 4096": "--batch-size 32"}
    run_briefly(_page("docs/how-to/several-machines.md"), shorter)


@pytest.mark.slow
def test_the_readme():
    """All commands but the server, in their order."""
    generator = np.random.default_rng(0)
    age = generator.normal(30, 5, 60).round(1)
    pandas.DataFrame({"age": age, "sex": generator.choice(["a", "b"], 60)}).to_csv("people.csv", index=False)
    pandas.DataFrame({"age": age[:5], "sex": "a"}).to_csv("new.csv", index=False)
    days = pandas.date_range("1988-01-01", periods=300).strftime("%Y-%m-%d")
    pandas.DataFrame({"day": days, "level": generator.normal(10, 3, 300).round(1)}).to_csv("x.csv", index=False)
    np.save("threes.npy", generator.integers(0, 17, (20, 1, 8, 8), dtype=np.uint8))
    lines = _page("README.md")
    assert [line for line in lines if line.startswith("tensorar serve ")]
    run_briefly([line for line in lines if not line.startswith("tensorar serve ")], README)
