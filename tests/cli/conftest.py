"""Commands run in a temporary folder, with plugins of their own, on runs that are trained once."""

from __future__ import annotations

import shutil
from functools import cache

import numpy as np
import pytest

from tensorar import default_registry
from tensorar.parts import plugins

from .commands import SHORT, done

# what is installed remains the same, so it is looked up once
installed = cache(plugins.entry_points)


@pytest.fixture(autouse=True)
def _a_folder_and_plugins_of_its_own(tmp_path, monkeypatch, without_shape_checks):
    monkeypatch.chdir(tmp_path)
    for name in ("TENSORAR_TRACEBACK", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(plugins, "entry_points", installed)
    default_registry.cache_clear()
    yield
    default_registry.cache_clear()


@pytest.fixture
def bits(tmp_path):
    """A file of 60 images of 4 x 4 bits."""
    events = np.random.default_rng(0).integers(0, 2, (60, 4, 4), dtype=np.uint8)
    np.save(tmp_path / "bits.npy", events)
    return tmp_path / "bits.npy"


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Runs on bits and on the toy, each trained for a few steps."""
    folder = tmp_path_factory.mktemp("trained")
    events = np.random.default_rng(0).integers(0, 2, (60, 4, 4), dtype=np.uint8)
    np.save(folder / "bits.npy", events)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        done("train", f"npy:path={folder / 'bits.npy'}", "--backbone", "fvsbn", *SHORT, "--out", folder / "bits")
        toy = ["toy:length=8,fixed=40", "--backbone", "mlp:hidden=8", "--ordering", "raster"]
        done("train", *toy, *SHORT, "--out", folder / "toy")
    return folder


@pytest.fixture
def bits_run(trained, tmp_path):
    """A copy of the run on bits."""
    return shutil.copytree(trained / "bits", tmp_path / "bits")


@pytest.fixture
def toy_run(trained, tmp_path):
    """A copy of the run on the toy."""
    return shutil.copytree(trained / "toy", tmp_path / "toy")
