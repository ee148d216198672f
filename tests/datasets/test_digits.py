"""The small digits: in a folder, of scikit-learn, by download."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from tensorar import load_dataset
from tensorar_plugins.datasets import digits
from tests.datasets.data_errors import check_error
from tests.datasets.file_server import Server

INSTALLED = digits._installed_file()


@pytest.fixture
def _not_installed(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "sklearn" else find(name))


def test_the_images_of_scikit_learn():
    data, known = load_dataset("digits:labels=true"), np.loadtxt(INSTALLED, delimiter=",")
    whole = torch.cat([data.train, data.valid, data.test])
    assert torch.equal(whole.flatten(1).double(), torch.from_numpy(known[:, :64]))
    assert [len(part) for part in (data.train, data.valid, data.test)] == [1000, 350, 447]
    assert data.contexts.valid.argmax(1).tolist() == known[1000:1350, 64].tolist()


@pytest.mark.usefixtures("_not_installed")
def test_download(monkeypatch):
    server = Server({"digits.csv.gz": INSTALLED.read_bytes()})
    try:
        monkeypatch.setattr(digits, "MIRRORS", (server.url,))
        assert len(load_dataset("digits").train) == 1000
        assert server.requests == ["digits.csv.gz"]
    finally:
        server.close()


def test_files_in_a_folder(tmp_path, monkeypatch):
    spec = f"digits:path={tmp_path}"
    check_error(lambda: load_dataset(spec).train, "digits.csv.gz", str(tmp_path))
    (tmp_path / "digits.csv.gz").write_bytes(INSTALLED.read_bytes())
    assert int(load_dataset(spec).train.max()) == 16
    (tmp_path / "digits.csv.gz").write_bytes(b"1,2,3")
    check_error(lambda: load_dataset(spec).train, "another file", "undamaged copy")
    monkeypatch.setenv("TENSORAR_DATA", str(Path(tmp_path).parent))
    assert len(load_dataset("digits").test) == 447
