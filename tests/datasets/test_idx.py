"""IDX files of any type and shape, found by the names of MNIST's successors."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import load_dataset
from tensorar_plugins.datasets import fetch
from tensorar_plugins.datasets.idx_format import read_idx
from tests.datasets.data_errors import check_error
from tests.datasets.idx_files import NAME, TYPES, idx_bytes, labelled, write_set
from tests.datasets.user_files import all_events

NAMES = [
    "{part}-{kind}-idx{axes}-ubyte",
    NAME,
    "{part}-{kind}.idx{axes}-ubyte",
    f"emnist-letters-{NAME}",
]


@given(
    code=st.sampled_from(sorted(TYPES)),
    shape=st.lists(st.integers(1, 4), min_size=0, max_size=5),
    n=st.integers(3, 9),
    compressed=st.booleans(),
    seed=st.integers(0, 999),
)
def test_any_type_and_number_of_axes(scratch, code, shape, n, compressed, seed):
    array = np.random.default_rng(seed).integers(-100 if code != 8 else 0, 100, (n, *shape)).astype(TYPES[code])
    content = idx_bytes(array, code)
    (scratch / "x.idx").write_bytes(gzip.compress(content) if compressed else content)
    data = load_dataset(f"idx:path={scratch}/x.idx")
    assert data.train.dtype == torch.from_numpy(array.astype(array.dtype.newbyteorder("="))).dtype
    assert sorted(all_events(data).flatten().tolist()) == sorted(array.ravel().tolist())
    assert data.event_shape == tuple(shape)
    assert torch.equal(read_idx(scratch / "x.idx"), torch.from_numpy(array.astype(array.dtype.newbyteorder("="))))


@pytest.mark.parametrize("kind", ["idx", "mnist"])
@pytest.mark.parametrize("name", NAMES)
def test_usual_names(kind, name, tmp_path):
    write_set(tmp_path, name, test="test" if "emnist" in name else "t10k")
    (tmp_path / "README.idx.txt").touch()
    data = load_dataset(f"{kind}:path={tmp_path}")
    assert (len(data.train) + len(data.valid), len(data.test)) == (78, 26)
    assert data.event_shape == ((2, 3) if kind == "idx" else (1, 2, 3))
    assert torch.equal(data.test.reshape(26, 2, 3), torch.from_numpy(labelled(range(26, 0, -1))))


@pytest.mark.parametrize("kind", ["idx", "mnist"])
@pytest.mark.parametrize("below", ["", "raw", "MNIST/raw", "gzip"])
def test_folders_of_torchvision(kind, below, tmp_path):
    write_set(tmp_path / below)
    write_set(tmp_path / below, "{part}-{kind}-idx{axes}-ubyte")
    assert len(load_dataset(f"{kind}:path={tmp_path}").test) == 26


@pytest.mark.parametrize("kind", ["idx", "mnist"])
def test_one_of_several_datasets_in_a_folder(kind, tmp_path):
    for name, labels in (("letters", range(1, 27)), ("digits", range(10))):
        write_set(tmp_path, f"emnist-{name}-{NAME}", labels=labels, test="test")
    check_error(
        lambda: load_dataset(f"{kind}:path={tmp_path}").train,
        f"one dataset in {tmp_path}, got {tmp_path}/emnist-digits, {tmp_path}/emnist-letters; choose one",
    )
    assert load_dataset(f"{kind}:path={tmp_path}/emnist-digits,labels=true").context_features == 10
    check_error(lambda: load_dataset(f"{kind}:path={tmp_path}/emnist").train, "emnist-digits-test-images-idx3-ubyte.gz")
    # the plain names are those of the dataset itself
    write_set(tmp_path, labels=range(5))
    assert load_dataset(f"{kind}:path={tmp_path},labels=true").context_features == 5


@pytest.mark.parametrize("kind", ["idx", "mnist"])
def test_transposed_images(kind, tmp_path):
    write_set(tmp_path)
    upright = load_dataset(f"{kind}:path={tmp_path}")
    lying = load_dataset(f"{kind}:path={tmp_path},transpose=true")
    assert torch.equal(lying.train, upright.train.mT)
    assert lying.test.is_contiguous()


def test_events_without_two_axes_are_not_transposed(tmp_path):
    write_set(tmp_path, kinds=["labels"])
    check_error(lambda: load_dataset(f"idx:path={tmp_path},transpose=true").train, "two axes", "leave out transpose")


def test_the_files_of_the_folder_are_listed(tmp_path):
    for name in ("b.png", "a.txt"):
        (tmp_path / name).touch()
    for kind in ("idx", "mnist"):
        check_error(lambda kind=kind: load_dataset(f"{kind}:path={tmp_path}").train, "got a.txt, b.png;")
    for i in range(20):
        (tmp_path / f"{i}.png").touch()
    check_error(lambda: load_dataset(f"idx:path={tmp_path}").train, "0.png, 1.png, ", " and 14 more;")


def test_the_only_idx_file_of_a_folder(tmp_path):
    (tmp_path / "notes.txt").touch()
    (tmp_path / "patterns-idx2-float").write_bytes(idx_bytes(np.ones((5, 2)), 13))
    assert load_dataset(f"idx:path={tmp_path}").event_shape == (2,)
    (tmp_path / "more-idx2-float").touch()
    check_error(lambda: load_dataset(f"idx:path={tmp_path}").train, "got more-idx2-float, notes.txt, patterns-idx2")


def test_a_missing_test_file(tmp_path):
    write_set(tmp_path)
    (tmp_path / "t10k-images-idx3-ubyte.gz").unlink()
    for kind in ("idx", "mnist"):
        check_error(lambda kind=kind: load_dataset(f"{kind}:path={tmp_path}").train, "a file of the test events")
    assert len(load_dataset(f"idx:path={tmp_path}/train-images-idx3-ubyte.gz").train) == 62


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "at least 8 bytes in {}, got 0"),
        (b"\0\0\x0a\x01" + bytes(8), "an IDX file with 1 to 32 axes"),
        (b"\0\0\x08\x00" + bytes(8), "got a file starting with 00 00 08 00"),
        (b"\0\0\x08\xff" + bytes(2000), "got a file starting with 00 00 08 ff"),
        (idx_bytes(np.zeros((3, 2)), 14)[:-1], "60 bytes in {}, got 59"),
        (idx_bytes(np.zeros((3, 2)), 11) + b"!", "24 bytes in {}, got 25"),
        (b"\0\0\x0e\x04" + struct.pack(">4I", *[2**32 - 1] * 4), f"{20 + 8 * (2**32 - 1) ** 4} bytes in {{}}, got 20"),
        (
            gzip.compress(b"\0\0\x0e\x02" + struct.pack(">2I", 2**31, 2), mtime=0),
            f"{12 + 2**35} bytes in {{}}, got at most ",
        ),
        (idx_bytes(np.zeros((0, 3))), "at least 3 events"),
        (idx_bytes(np.zeros((5, 0))), "at least one coefficient"),
        (b"\0\0\x08\x02" + struct.pack(">2I", 2**32 - 1, 0), "at least one coefficient"),
    ],
)
def test_headers_that_lie(content, message, tmp_path):
    path = tmp_path / "x"
    path.write_bytes(content)
    text = check_error(lambda: load_dataset(f"idx:path={path}").train, message.format(path))
    assert "delete" not in text


def test_only_files_of_the_cache_may_be_deleted(tmp_path):
    cached = tmp_path / "cache" / "mnist" / "x"
    assert fetch.repair_advice(cached) == "delete it and let tensorar download it again"
    assert fetch.repair_advice(tmp_path / "x") == "replace it by an undamaged copy"
