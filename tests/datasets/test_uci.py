"""UCI tables: the splits of the bits and the folds of the wines, from arrays, texts and downloads."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import torch

from tensorar import SpecError, load_dataset
from tensorar_plugins.datasets import uci_binary, uci_wine
from tensorar_plugins.datasets.verified_rows import in_order
from tests.datasets.data_errors import check_error
from tests.datasets.file_server import Server

ROWS = {"train": 12, "valid": 2, "test": 5}


def digest(rows):
    return hashlib.sha256(np.ascontiguousarray(rows).tobytes()).hexdigest()


def bits(split):
    return np.random.default_rng(ROWS[split]).integers(0, 2, (ROWS[split], 112), dtype=np.uint8)


def text(rows):
    lines = (" ".join(["-1", *(f"{k + 1}:1" for k in np.flatnonzero(row))]) for row in rows)
    return "".join(f"{line} \n" for line in lines).encode()


@pytest.fixture
def small(monkeypatch):
    """A small table in the place of ``mushrooms``."""
    digests = {split: digest(in_order(np.packbits(bits(split), axis=1))) for split in ROWS}
    table = replace(uci_binary.TABLES["mushrooms"], rows=ROWS, digests=digests)
    monkeypatch.setitem(uci_binary.TABLES, "mushrooms", table)


@pytest.fixture
def wine(monkeypatch):
    """A small table in the place of the red wines."""
    rows = np.random.default_rng(0).normal(3, 2, (35, 11)).round(3)
    monkeypatch.setitem(uci_wine.DIGESTS, "wine_red", digest(rows))
    return rows


@pytest.mark.usefixtures("small")
def test_packed_rows(tmp_path):
    packed = {split: np.packbits(bits(split), axis=1) for split in ROWS}
    np.savez(tmp_path / "mushrooms.npz", shape=[112], **packed)
    spec = f"uci:table=mushrooms,path={tmp_path}"
    assert torch.equal(load_dataset(spec).test, torch.from_numpy(bits("test")))
    np.savez(tmp_path / "mushrooms.npz", shape=[112], **(packed | {"test": packed["test"] ^ 1}))
    check_error(lambda: load_dataset(spec).train, "published rows", "undamaged copy")
    np.savez(tmp_path / "mushrooms.npz", shape=[112], train=packed["train"])
    check_error(lambda: load_dataset(spec).train, "published rows")


@pytest.mark.usefixtures("small")
def test_original_texts(tmp_path):
    for split in ROWS:
        (tmp_path / f"mushrooms_{split}.libsvm").write_bytes(text(bits(split)))
    spec = f"uci:table=mushrooms,path={tmp_path}"
    assert torch.equal(load_dataset(spec).train, torch.from_numpy(bits("train")))
    for damage in (b"", b"-1 200:1\n" * 5, b"-1 x:1\n" * 5, text(bits("test")) + b"-1 1:1\n", text(1 - bits("test"))):
        (tmp_path / "mushrooms_test.libsvm").write_bytes(damage)
        check_error(lambda: load_dataset(spec).test, "published rows")


@pytest.mark.usefixtures("small")
def test_downloads_are_verified_by_their_rows(tmp_path, monkeypatch):
    right = {f"mushrooms_{split}.libsvm": text(bits(split)[::-1]) for split in ROWS}
    servers = [Server(right | {"mushrooms_test.libsvm": b"-1 1:1\n"}), Server(right)]
    try:
        monkeypatch.setattr(uci_binary, "MIRRORS", tuple(server.url for server in servers))
        data = load_dataset("uci:table=mushrooms")
        assert torch.equal(data.test.flip(0), torch.from_numpy(bits("test")))
        assert servers[1].requests == ["mushrooms_test.libsvm"]
        monkeypatch.setattr(uci_binary, "MIRRORS", (servers[0].url,))
        (tmp_path / "cache" / "uci_binary" / "mushrooms_test.libsvm").unlink()
        check_error(
            lambda: load_dataset("uci:table=mushrooms").test, "uci:table=mushrooms,path=FOLDER", "$TENSORAR_DATA"
        )
    finally:
        for server in servers:
            server.close()


@pytest.mark.parametrize(("separator", "header"), [(";", True), (",", False)])
def test_wines_in_text(tmp_path, wine, separator, header):
    lines = [separator.join([*map(str, row), "5"]) for row in wine]
    names = [separator.join(f'"{name}"' for name in (*uci_wine.COLUMNS, "quality"))] if header else []
    (tmp_path / "winequality-red.csv").write_text("\n".join([*names, *lines]))
    data = load_dataset(f"uci:table=wine_red,path={tmp_path},standardize=false")
    rows = torch.cat([data.train, data.valid, data.test])
    assert torch.equal(torch.from_numpy(in_order(rows.numpy())), torch.from_numpy(in_order(wine)))
    assert data.coefficient_names[0] == "fixed acidity"
    (tmp_path / "winequality-red.csv").write_text("\n".join(lines[1:]))
    check_error(lambda: load_dataset(f"uci:table=wine_red,path={tmp_path}").train, "published rows")


def test_the_ten_test_folds_are_all_rows_once(tmp_path, wine):
    np.savez(tmp_path / "wine_red.npz", data=wine)
    folds = [load_dataset(f"uci:table=wine_red,path={tmp_path},standardize=false,fold={k}") for k in range(10)]
    rows = torch.cat([data.test for data in folds]).numpy()
    assert np.array_equal(in_order(rows), in_order(wine))
    assert all(torch.equal(one.valid, other.test) for one, other in zip(folds, folds[1:] + folds[:1], strict=True))
    assert all(len(data.train) + len(data.valid) + len(data.test) == 35 for data in folds)


def test_wines_are_standardized_by_the_training_rows(tmp_path, wine):
    np.savez(tmp_path / "wine_red.npz", data=wine)
    data, raw = (load_dataset(f"uci:table=wine_red,path={tmp_path}{option}") for option in ("", ",standardize=false"))
    torch.testing.assert_close(data.train.mean(0), torch.zeros(11, dtype=torch.float64), rtol=0, atol=1e-12)
    torch.testing.assert_close(data.train.var(0, correction=0), torch.ones(11, dtype=torch.float64))
    torch.testing.assert_close(data.test * raw.train.std(0, correction=0) + raw.train.mean(0), raw.test)


@pytest.mark.parametrize("table", ["adult", "wine_white"])
def test_a_folder_without_the_files(tmp_path, table):
    check_error(lambda: load_dataset(f"uci:table={table},path={tmp_path}").train, f"{table}.npz or", "path=")


def test_no_such_fold():
    with pytest.raises(SpecError, match="from 0 to 9"):
        load_dataset("uci:table=wine_red,fold=10")


@pytest.mark.parametrize(("table", "mean"), [("adult", 0.1127), ("connect4", 0.3333), ("mushrooms", 0.1875)])
def test_real_bits(data_folder, table, mean):
    data = load_dataset(f"uci:table={table}")
    assert data.train.shape == (uci_binary.TABLES[table].rows["train"], uci_binary.TABLES[table].columns)
    assert data.test.float().mean().item() == pytest.approx(mean, abs=1e-3)


def test_real_wines(data_folder):
    sizes = [len(load_dataset(f"uci:table=wine_white,fold={k}").test) for k in range(10)]
    assert sum(sizes) == 4898
    assert load_dataset("uci:table=wine_white").suggested_head == "gaussian_mixture"
    assert load_dataset("uci").suggested_head is None
