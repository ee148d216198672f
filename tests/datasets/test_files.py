"""The user's own files: saved arrays are read back, and defects of files give one-line errors."""

from __future__ import annotations

import gzip
import io
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import DataError, SpecError, TensorarError, load_dataset
from tensorar_plugins.datasets.npy import Npy
from tensorar_plugins.datasets.npz import Npz
from tensorar_plugins.datasets.table import Table
from tests.datasets.idx_files import idx_bytes

KEPT_DTYPES = ["uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]
WIDENED_DTYPES = {
    "bool": torch.uint8,
    "uint16": torch.int32,
    "uint32": torch.int64,
    ">f4": torch.float32,
    ">i8": torch.int64,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


def one_line(raised):
    """The message of an error, which must be one complete line."""
    message = str(raised.value)
    assert "\n" not in message
    assert message.startswith("expected ")
    assert raised.value.got
    assert raised.value.remedy
    return message


def rows(dataset):
    """All events of a dataset as a sorted list."""
    events = torch.cat([dataset.train, dataset.valid, dataset.test])
    return sorted(events.flatten(1).tolist() if events.ndim > 1 else events[:, None].tolist())


events = st.tuples(
    st.integers(3, 12), st.lists(st.integers(1, 4), max_size=4), st.sampled_from(KEPT_DTYPES), st.integers(0, 2**20)
).map(lambda a: np.random.default_rng(a[3]).integers(0, 100, (a[0], *a[1])).astype(a[2]))


@given(array=events, fraction=st.sampled_from([0.01, 0.1, 0.25]))
def test_npy_round_trip(folder, array, fraction):
    np.save(folder / "a.npy", array)
    data = Npy(path=str(folder / "a.npy"), valid_fraction=fraction, test_fraction=fraction)
    assert data.event_shape == array.shape[1:]
    assert data.train.dtype == torch.from_numpy(array).dtype
    assert len(data.valid) == len(data.test) == max(1, round(fraction * len(array)))
    assert rows(data) == sorted(array.reshape(len(array), -1).tolist())


@given(array=events)
def test_npz_round_trip_of_three_splits_keeps_the_order(folder, array):
    np.savez_compressed(folder / "b.npz", train=array, valid=array[:2], test=array[1:], other=np.array("text"))
    data = Npz(path=str(folder / "b.npz"))
    for got, expected in ((data.train, array), (data.valid, array[:2]), (data.test, array[1:])):
        assert torch.equal(got, torch.from_numpy(expected))


@given(
    n=st.integers(3, 9),
    shape=st.lists(st.integers(1, 5), max_size=4).map(tuple),
    seed=st.integers(0, 2**20),
)
def test_npz_round_trip_of_packed_bits(folder, n, shape, seed):
    bits = np.random.default_rng(seed).integers(0, 2, (n, *shape), dtype=np.uint8)
    packed = np.packbits(bits.reshape(n, -1), axis=1)
    np.savez(folder / "c.npz", train=packed, valid=packed[:1], test=packed[1:], shape=np.array(shape, int))
    data = load_dataset(f"npz:packed=true,path={folder}/c.npz")
    assert torch.equal(data.train, torch.from_numpy(bits))
    assert torch.equal(data.test, torch.from_numpy(bits[1:]))


@pytest.mark.parametrize("dtype", WIDENED_DTYPES)
def test_unsupported_dtypes_are_widened(tmp_path, dtype):
    array = np.arange(6).reshape(6, 1).astype(dtype)
    np.save(tmp_path / "a.npy", array)
    data = Npy(path=str(tmp_path / "a.npy"))
    assert data.train.dtype == WIDENED_DTYPES[dtype]
    assert rows(data) == sorted(array.astype(int).tolist())


def test_memory_orders_other_than_c(tmp_path):
    array = np.asfortranarray(np.arange(24).reshape(4, 2, 3))
    np.save(tmp_path / "a.npy", array)
    assert rows(Npy(path=str(tmp_path / "a.npy"))) == sorted(array.reshape(4, -1).tolist())


def test_missing_splits_of_npz_are_split_off(tmp_path):
    array = np.arange(40.0).reshape(20, 2)
    np.savez(tmp_path / "a.npz", train=array, test=array[:3] + 100)
    data = Npz(path=str(tmp_path / "a.npz"), valid_fraction=0.25)
    assert (len(data.train), len(data.valid)) == (15, 5)
    assert torch.equal(data.test, torch.from_numpy(array[:3] + 100))
    np.savez(tmp_path / "b.npz", data=array, more=array[:, 0])
    assert rows(Npz(path=str(tmp_path / "b.npz"))) == array.tolist()
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
        with pytest.raises(DataError) as raised:
            _ = load_dataset(spec).train
        assert message in one_line(raised)


def npy_bytes():
    buffer = io.BytesIO()
    np.save(buffer, np.arange(60.0).reshape(20, 3))
    return buffer.getvalue()


def npz_bytes():
    buffer = io.BytesIO()
    np.savez_compressed(buffer, data=np.arange(60.0).reshape(20, 3))
    return buffer.getvalue()


def idx_gz_bytes():
    return gzip.compress(idx_bytes(np.arange(60.0).reshape(20, 3), 14), mtime=0)


def csv_bytes():
    return b"a,b,c\r\n" + b"".join(b'%d,"1.5",-0.12345678901234567\r\n' % i for i in range(20))


WHOLE = {"npy": npy_bytes, "npz": npz_bytes, "idx": idx_gz_bytes, "csv": csv_bytes}


@pytest.mark.parametrize("kind", WHOLE)
@given(data=st.data())
def test_damaged_files_load_or_give_an_error(folder, kind, data):
    whole = WHOLE[kind]()
    where = data.draw(st.integers(0, len(whole) - 1))
    cut = data.draw(st.booleans())
    damaged = whole[:where] + (b"" if cut else bytes([data.draw(st.integers(0, 255))]) + whole[where + 1 :])
    (folder / f"damaged.{kind}").write_bytes(damaged)
    try:
        _ = load_dataset(f"{kind}:path={folder}/damaged.{kind}").train
    except DataError as error:
        assert "\n" not in str(error)
    else:
        assert not cut or kind in ("npz", "csv")


@pytest.mark.parametrize("kind", ["npy", "npz", "csv"])
def test_a_missing_file_a_folder_and_a_file_of_another_kind(tmp_path, kind):
    (tmp_path / "text").write_bytes(b"\xff\xfehello\nworld")
    for path in ("none", "text", ""):
        with pytest.raises(DataError) as raised:
            _ = load_dataset(f"{kind}:path={tmp_path / path}").train
        one_line(raised)


@pytest.mark.parametrize("kind", ["npy", "npz", "csv"])
def test_a_dollar_in_a_path_is_a_variable_unless_the_file_exists(kind, tmp_path, monkeypatch):
    monkeypatch.setenv("FOLDER", str(tmp_path))
    monkeypatch.delenv("UNSET", raising=False)
    for name in ("a$UNSET", "a$FOLDER"):
        content = {"npy": npy_bytes(), "npz": npz_bytes(), "csv": b"1,2\n3,4\n5,6\n"}[kind]
        (tmp_path / name).write_bytes(content)
        assert len(load_dataset(f"{kind}:path={tmp_path}/{name}").valid) > 0
    assert len(load_dataset(f"{kind}:path=$FOLDER/a$UNSET").valid) > 0
    with pytest.raises(DataError, match="the environment variable UNSET, used in the path"):
        _ = load_dataset(f"{kind}:path=$UNSET/a").train


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
        ({"a": np.zeros(4)}, "", "got a; name the array to use with key=NAME"),
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
    with pytest.raises(DataError) as raised:
        _ = load_dataset(f"npz:path={tmp_path}/a.npz{options}").train
    assert message.format(path=tmp_path / "a.npz") in one_line(raised)


def test_an_archive_of_other_files(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("data.npy", b"no array")
    with pytest.raises(DataError) as raised:
        _ = Npz(path=str(tmp_path / "a.npz")).train
    one_line(raised)


@pytest.mark.parametrize("kind", ["npy", "npz", "csv"])
@pytest.mark.parametrize(
    "options", ["valid_fraction=0", "test_fraction=1", "valid_fraction=0.5,test_fraction=0.5", "valid_fraction=-0.1"]
)
def test_fractions_that_leave_a_split_empty(kind, options):
    with pytest.raises(SpecError) as raised:
        load_dataset(f"{kind}:path=x,{options}")
    one_line(raised)


@pytest.mark.parametrize("kind", ["npy", "npz", "csv"])
def test_the_path_is_required(kind):
    with pytest.raises(SpecError, match="path"):
        load_dataset(kind)


# --- tables ---------------------------------------------------------------------------------------------------------


@given(
    table=st.integers(1, 4).flatmap(
        lambda columns: st.lists(
            st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=columns, max_size=columns),
            min_size=3,
            max_size=8,
        )
    ),
    delimiter=st.sampled_from([",", ";", "tab", "|"]),
    header=st.booleans(),
)
def test_csv_round_trip(folder, table, delimiter, header):
    sign = "\t" if delimiter == "tab" else delimiter
    lines = [sign.join(f"column {i}" for i in range(len(table[0])))] if header else []
    lines += [sign.join(map(repr, row)) for row in table]
    (folder / "a.csv").write_text("\n".join(lines) + "\n")
    data = Table(path=str(folder / "a.csv"), delimiter=delimiter)
    assert data.train.dtype == torch.float64
    assert data.event_shape == (len(table[0]),)
    assert rows(data) == sorted(table)


def write(tmp_path, text):
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    return str(tmp_path / "a.csv")


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,2\n3,4\n5,6\n",
        "\ufeff1,2\r\n3,4\r\n5,6",
        "\n1,2\n\n3,4\n5,6\n\n",
        '"1","2"\n 3 , 4\n5e0,+6.0\n',
        ",b\n1,2\n3,4\n5,6\n",
    ],
)
def test_ways_to_write_a_table(tmp_path, text):
    assert rows(Table(path=write(tmp_path, text))) == [[1, 2], [3, 4], [5, 6]]


def test_a_header_of_numbers_must_be_declared(tmp_path):
    path = write(tmp_path, "0,1\n1,2\n3,4\n5,6\n")
    assert len(rows(Table(path=path))) == 4
    assert len(rows(Table(path=path, header=True))) == 3


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("1,2\n3,x\n5,6\n", {}, "a number in line 2, column 2 of {path}, got 'x'"),
        ("a,2\n3,4\n5,6\n", {}, "line 1, column 1 of {path}, got 'a'; correct it"),
        ("a,b\n3,4\n5,6\n7,8\n", {"header": False}, "line 1, column 1"),
        ("1,2\n3,4\n5,6,7\n", {}, "2 cells in line 3 of {path}, as in line 1, got 3"),
        ("1,2\n3\n5,6\n", {}, "2 cells in line 2"),
        ("a,b\n1,2\n3,\n5,6\n", {}, "line 3, column 2 of {path}, got an empty cell; missing values are not supported"),
        ("1,2\nNaN,4\n5,6\n", {}, "got 'NaN'; missing values"),
        ("1,2\n?,4\n5,6\n", {}, "got '?'; missing values"),
        (",\n1,2\n3,4\n5,6\n", {}, "line 1, column 1 of {path}, got an empty cell"),
        ("1,2\ninf,4\n5,6\n", {}, "got 'inf'; correct it"),
        ("1,2\n1_0,4\n5,6\n", {}, "got '1_0'"),
        (
            "1;2\n3;4\n5;6\n",
            {},
            "line 2, column 1 of {path}, got '3;4'; correct it, drop the column, or check delimiter",
        ),
        ("", {}, "at least 3 events"),
        ("a,b\n", {}, "at least 3 events"),
        ("1,2\n3,4\n", {}, "at least 3 events"),
        ('1,2\n"3,4\n5,6\n', {}, "unexpected end of data"),
    ],
)
def test_invalid_tables(tmp_path, text, options, message):
    path = write(tmp_path, text)
    with pytest.raises(DataError) as raised:
        _ = Table(path=path, **options).train
    assert message.format(path=path) in one_line(raised)


@pytest.mark.parametrize("delimiter", ["", "ab", '"', "\n"])
def test_invalid_delimiters(delimiter):
    with pytest.raises(SpecError, match="one character, or tab") as raised:
        Table(path="x", delimiter=delimiter)
    one_line(raised)


def test_a_folder_is_a_tensorar_error(tmp_path):
    with pytest.raises(TensorarError):
        _ = load_dataset(f"csv:path={tmp_path}").train
