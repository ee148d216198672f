"""Arrays in .npy and .npz files: they are read back, and defects give one-line errors."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import DataError, load_dataset
from tensorar_plugins.datasets.npy import Npy
from tensorar_plugins.datasets.npz import Npz
from tests.datasets.data_errors import check_error
from tests.datasets.user_files import all_rows, npy_bytes, npz_bytes

KEPT_DTYPES = ["uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]
WIDENED_DTYPES = {
    "bool": torch.uint8,
    "uint16": torch.int32,
    "uint32": torch.int64,
    ">f4": torch.float32,
    ">i8": torch.int64,
}

events = st.tuples(
    st.integers(3, 12), st.lists(st.integers(1, 4), max_size=4), st.sampled_from(KEPT_DTYPES), st.integers(0, 2**20)
).map(lambda a: np.random.default_rng(a[3]).integers(0, 100, (a[0], *a[1])).astype(a[2]))


@given(array=events, fraction=st.sampled_from([0.01, 0.1, 0.25]))
def test_npy_round_trip(scratch, array, fraction):
    np.save(scratch / "a.npy", array)
    data = Npy(path=str(scratch / "a.npy"), valid_fraction=fraction, test_fraction=fraction)
    assert data.event_shape == array.shape[1:]
    assert data.train.dtype == torch.from_numpy(array).dtype
    assert len(data.valid) == len(data.test) == max(1, round(fraction * len(array)))
    assert all_rows(data) == sorted(array.reshape(len(array), -1).tolist())


@given(array=events)
def test_npz_round_trip_of_three_splits_keeps_the_order(scratch, array):
    np.savez_compressed(scratch / "b.npz", train=array, valid=array[:2], test=array[1:], other=np.array("text"))
    data = Npz(path=str(scratch / "b.npz"))
    for got, expected in ((data.train, array), (data.valid, array[:2]), (data.test, array[1:])):
        assert torch.equal(got, torch.from_numpy(expected))


@given(
    n=st.integers(3, 9),
    shape=st.lists(st.integers(1, 5), max_size=4).map(tuple),
    seed=st.integers(0, 2**20),
)
def test_npz_round_trip_of_packed_bits(scratch, n, shape, seed):
    bits = np.random.default_rng(seed).integers(0, 2, (n, *shape), dtype=np.uint8)
    packed = np.packbits(bits.reshape(n, -1), axis=1)
    np.savez(scratch / "c.npz", train=packed, valid=packed[:1], test=packed[1:], shape=np.array(shape, int))
    data = load_dataset(f"npz:packed=true,path={scratch}/c.npz")
    assert torch.equal(data.train, torch.from_numpy(bits))
    assert torch.equal(data.test, torch.from_numpy(bits[1:]))


@pytest.mark.parametrize("dtype", WIDENED_DTYPES)
def test_unsupported_dtypes_are_widened(tmp_path, dtype):
    array = np.arange(6).reshape(6, 1).astype(dtype)
    np.save(tmp_path / "a.npy", array)
    data = Npy(path=str(tmp_path / "a.npy"))
    assert data.train.dtype == WIDENED_DTYPES[dtype]
    assert all_rows(data) == sorted(array.astype(int).tolist())


def test_memory_orders_other_than_c(tmp_path):
    array = np.asfortranarray(np.arange(24).reshape(4, 2, 3))
    np.save(tmp_path / "a.npy", array)
    assert all_rows(Npy(path=str(tmp_path / "a.npy"))) == sorted(array.reshape(4, -1).tolist())


def test_missing_splits_of_npz_are_split_off(tmp_path):
    array = np.arange(40.0).reshape(20, 2)
    np.savez(tmp_path / "a.npz", train=array, test=array[:3] + 100)
    data = Npz(path=str(tmp_path / "a.npz"), valid_fraction=0.25)
    assert (len(data.train), len(data.valid)) == (15, 5)
    assert torch.equal(data.test, torch.from_numpy(array[:3] + 100))
    np.savez(tmp_path / "b.npz", data=array, more=array[:, 0])
    assert all_rows(Npz(path=str(tmp_path / "b.npz"))) == array.tolist()
    assert Npz(path=str(tmp_path / "b.npz"), key="more").event_shape == ()


def test_the_shuffle_depends_on_the_seed(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(100))

    def train(seed):
        return Npy(path=str(tmp_path / "a.npy"), seed=seed).train

    assert torch.equal(train(0), train(0))
    assert not torch.equal(train(0), train(1))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([{}, 1], dtype=object), "Python objects"),
        (np.array(["a", "b", "c"]), "<U1"),
        (np.ones((4, 2), complex), "complex128"),
        (np.full((4, 2), 2**63, np.uint64), "uint64 values up to 9223372036854775807"),
        (np.zeros(4, "datetime64[s]"), "datetime64"),
        (np.zeros(4, [("a", int)]), "'a'"),
        (np.float64(3), "a single number"),
        (np.zeros((0, 3)), "at least 3 events"),
        (np.zeros((2, 3)), "at least 3 events"),
        (np.zeros((5, 0)), "at least one coefficient"),
        (np.array([1, 2, np.nan]), "NaN"),
        (np.array([1, 2, np.inf]), "infinity"),
    ],
)
def test_invalid_arrays(tmp_path, array, message):
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", data=array)
    for spec in (f"npy:path={tmp_path}/a.npy", f"npz:path={tmp_path}/a.npz"):
        check_error(lambda spec=spec: load_dataset(spec).train, message)


def test_npy_and_npz_confused(tmp_path):
    (tmp_path / "a.npy").write_bytes(npz_bytes())
    (tmp_path / "a.npz").write_bytes(npy_bytes())
    with pytest.raises(DataError, match="use npz:path="):
        _ = Npy(path=str(tmp_path / "a.npy")).train
    with pytest.raises(DataError, match="use npy:path="):
        _ = Npz(path=str(tmp_path / "a.npz")).train


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ({"a": np.zeros(4), "b": np.zeros(4)}, "", "got a, b; name the array to use with key=NAME"),
        ({}, "", "got no arrays"),
        ({"data": np.zeros(4)}, ",key=x", "an array named x"),
        ({"train": np.zeros((4, 1), np.uint8)}, ",packed=true", "an array named shape"),
        ({"train": np.zeros((4, 1), np.uint8), "shape": [3, 3]}, ",packed=true", "(n, 2)"),
        ({"train": np.zeros((4, 1)), "shape": [2, 3]}, ",packed=true", "got float64"),
        ({"train": np.zeros((4, 0), np.uint8), "shape": [0]}, ",packed=true", "events of shape (0,)"),
        ({"train": np.zeros((4, 1), np.uint8), "shape": [2.5]}, ",packed=true", "integers in shape of {path}"),
        ({"train": np.zeros((4, 1), np.uint8), "shape": ["x"]}, ",packed=true", "shape of {path}, got <U1"),
        ({"train": np.zeros((4, 2)), "test": np.zeros((4, 3))}, "", "(2,) in the test"),
    ],
)
def test_incomplete_archives(tmp_path, arrays, options, message):
    np.savez(tmp_path / "a.npz", **arrays)
    path = tmp_path / "a.npz"
    check_error(lambda: load_dataset(f"npz:path={path}{options}").train, message.format(path=path))


def test_an_archive_of_other_files(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("data.npy", b"no array")
    check_error(lambda: Npz(path=str(tmp_path / "a.npz")).train)
