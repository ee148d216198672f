"""Runs of a few training steps, and their page."""

from __future__ import annotations

import numpy as np
import pytest

from tensorar import default_registry
from tensorar.workflows import train
from tensorar.workflows.explore import Explorer, Shelf
from tests.web.helpers import client_of

SHORT = {"steps": 3, "batch_size": 8, "settings": {"valid_events": 20}, "device": "cpu"}
TOWNS = ("Bern", "Geneva", "a town of a very long name indeed")
TABLE = "age,sex,day,town\n" + "\n".join(
    f"{20 + k % 7},{'female' if k % 3 else 'male'},2026-01-{1 + k % 28:02},{TOWNS[k % 3]}" for k in range(90)
)

WEIGHTS = "kg,cm\n" + "\n".join(f"{50 + k % 10}.{k % 7},{150 + k % 19}.{k % 3}" for k in range(60))


def _trained(data, folder, **parts):
    train(data, out=folder, **parts, **SHORT)


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """Runs: bits (raster), orders (any order), labelled (sequences with classes), table, tint, volume, weights."""
    folder = tmp_path_factory.mktemp("served")
    chance = np.random.default_rng(0)
    bits = chance.integers(0, 2, (60, 4, 4), dtype=np.uint8)
    np.save(folder / "bits.npy", bits)
    np.savez(folder / "labelled.npz", data=bits.reshape(60, 16), labels=np.arange(60) % 3)
    np.save(folder / "tint.npy", chance.integers(0, 4, (40, 3, 3, 3), dtype=np.uint8))
    np.save(folder / "volume.npy", bits[:40].reshape(40, 2, 2, 4))
    (folder / "people.csv").write_text(TABLE)
    (folder / "weights.csv").write_text(WEIGHTS)
    default_registry.cache_clear()
    _trained(f"npy:path={folder / 'bits.npy'}", folder / "runs/bits", backbone="made:hidden=16")
    _trained(f"npy:path={folder / 'bits.npy'}", folder / "runs/orders", backbone="mlp:hidden=16", ordering="shuffled")
    _trained(f"npz:path={folder / 'labelled.npz'},labels=true", folder / "runs/labelled", backbone="made:hidden=16")
    _trained(f"table:path={folder / 'people.csv'}", folder / "runs/table", backbone="made:hidden=16")
    _trained(f"table:path={folder / 'weights.csv'}", folder / "runs/weights", backbone="made:hidden=16")
    for name in ("tint", "volume"):
        _trained(f"npy:path={folder / name}.npy", folder / "runs" / name, backbone="made:hidden=16")
    return folder / "runs"


@pytest.fixture(scope="session")
def explorer(runs):
    """The explorers of the runs, by name."""
    made = {}

    def of(name):
        return made.setdefault(name, Explorer(runs / name, "cpu"))

    return of


@pytest.fixture
def client(runs):
    """A client of the page of all runs."""
    with client_of(Shelf(runs, "cpu")) as made:
        yield made
