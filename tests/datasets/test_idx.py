"""IDX files of any type and shape, found by the names of MNIST's successors, with labels of any classes."""

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
from tests.datasets.idx_files import NAME, TYPES, idx_bytes, labelled, write_set
from tests.datasets.small_mnist import check_error

NAMES = [
    "{part}-{kind}-idx{axes}-ubyte",
    NAME,
    "{part}-{kind}.idx{axes}-ubyte",
    f"emnist-letters-{NAME}",
]


def events_of(data):
    return torch.cat([data.train, data.valid, data.test])


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("idx")


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
    assert sorted(events_of(data).flatten().tolist()) == sorted(array.ravel().tolist())
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


# --- labels ---------------------------------------------------------------------------------------------------------


def test_labels_stay_with_their_images(tmp_path):
    write_set(tmp_path)
    for path in (tmp_path, tmp_path / "train-images-idx3-ubyte.gz"):
        data = load_dataset(f"idx:path={path},labels=true,seed=3")
        for images, contexts in zip(
            (data.train, data.valid, data.test),
            (data.contexts.train, data.contexts.valid, data.contexts.test),
            strict=True,
        ):
            assert torch.equal(images[:, 1, 2].long(), 7 * (1 + contexts.argmax(1)))
            assert (contexts.sum(1) == 1).all()
    assert not torch.equal(data.train[:5, 1, 1], torch.from_numpy(labelled(range(1, 6)))[:, 1, 1])


@pytest.mark.parametrize("kind", ["idx", "mnist"])
@pytest.mark.parametrize("labels", [range(1, 27), range(10), range(3, 5), (2, 7, 200)])
def test_any_number_of_classes_and_any_lowest_label(kind, labels, tmp_path):
    write_set(tmp_path, labels=labels)
    data = load_dataset(f"{kind}:path={tmp_path},labels=true")
    assert data.context_features == len(labels)
    assert data.contexts.test.flip(0).argmax(1).tolist() == list(range(len(labels)))
    for i, label in enumerate(labels):
        assert data.parse_context(f" {label} ").argmax() == i
    check_error(lambda: data.parse_context("201"), f"a class: {labels[0]}", "got '201'", f"for example {labels[0]}")


def test_labels_of_other_types(tmp_path):
    write_set(tmp_path, kinds=["images"])
    values = np.resize([-5, 300, 70_000], 78)
    (tmp_path / "train-labels-idx1-int").write_bytes(idx_bytes(values, 12))
    (tmp_path / "t10k-labels-idx1-int").write_bytes(idx_bytes(values[:26], 12))
    data = load_dataset(f"idx:path={tmp_path},labels=true")
    assert data.contexts.test[:4].argmax(1).tolist() == [0, 1, 2, 0]
    assert data.parse_context("-5").tolist() == [1, 0, 0]


def test_labels_alone_are_events(tmp_path):
    write_set(tmp_path, kinds=["labels"])
    for path, n in ((tmp_path, 104), (tmp_path / "t10k-labels-idx1-ubyte.gz", 26)):
        data = load_dataset(f"idx:path={path}")
        assert data.event_shape == ()
        assert len(events_of(data)) == n
        check_error(lambda path=path: load_dataset(f"idx:path={path},labels=true").contexts, "train-labels-idx1-ubyte")


@pytest.mark.parametrize(
    ("array", "code", "message"),
    [
        (np.zeros((78, 8)), 12, "one integer per image in {}, as its label, got int32 numbers of shape (78, 8)"),
        (np.zeros(78), 13, "got float32 numbers"),
        (np.zeros(77), 8, "one label per image in"),
    ],
)
@pytest.mark.parametrize("kind", ["idx", "mnist"])
def test_labels_that_do_not_fit(kind, array, code, message, tmp_path):
    write_set(tmp_path, NAMES[0])
    path = tmp_path / "train-labels-idx1-ubyte"
    path.write_bytes(idx_bytes(array, code))
    check_error(lambda: load_dataset(f"{kind}:path={tmp_path},labels=true").contexts, message.format(path))


def test_missing_labels(tmp_path):
    write_set(tmp_path, kinds=["images"])
    for kind in ("idx", "mnist"):
        data = load_dataset(f"{kind}:path={tmp_path},labels=true")
        check_error(
            lambda data=data: data.contexts,
            " labels, named like train-labels-idx1-ubyte.gz",
            "got t10k-images-idx3-ubyte.gz, train-images-idx3",
        )


# --- names of classes -----------------------------------------------------------------------------------------------


def class_of(path, text, kind="idx"):
    return load_dataset(f"{kind}:path={path},labels=true").parse_context(text).argmax().item()


@pytest.mark.parametrize("kind", ["idx", "mnist"])
def test_names_of_emnist(kind, tmp_path):
    write_set(tmp_path, f"emnist-letters-{NAME}")
    (tmp_path / "emnist-letters-mapping.txt").write_text("".join(f"{i} {64 + i} {96 + i}\n" for i in range(1, 27)))
    assert [class_of(tmp_path, text, kind) for text in ("A", "a", "z", "1", "26")] == [0, 0, 25, 0, 25]
    check_error(lambda: class_of(tmp_path, "ä", kind), "a class: 1 to 26, or A, a, B, b", "got 'ä'")


@pytest.mark.parametrize("file", ["classes.txt", "label_names.txt"])
@pytest.mark.parametrize("first", ["", "unused\n"])
def test_names_per_line(file, first, tmp_path):
    write_set(tmp_path, labels=(1, 2, 3))
    (tmp_path / file).write_text(f"{first}T-shirt/top\r\nTrouser\n2\n\n", encoding="utf-8-sig")
    assert [class_of(tmp_path, text) for text in ("T-shirt/top", " Trouser ", "3")] == [0, 1, 2]
    # numbers come before names
    assert class_of(tmp_path, "2") == 1


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("classes.txt", b"a\nb\n", "a name for each class from 1 to 26 in {}, got 2 names"),
        ("classes.txt", b"\xff\xfe", "{} to be the names of classes in UTF-8 text"),
        ("classes.txt", bytes(2**20 + 1), "got more than 1048576 bytes"),
        ("classes.txt", b"a\nb\n" * 13, "a different name for each class in {}, got 'a' for the classes 1 and 3"),
        ("mapping.txt", b"3 65\n2 65\n", "in {}, got 'A' for the classes 3 and 2"),
        ("mapping.txt", b"1 65\n2 x\n", "a class and the code points of its characters in line 2 of {}, got '2 x'"),
        ("mapping.txt", b"1 99999999999999999999\n", "in line 1 of {}"),
        ("mapping.txt", b"\n1 65", "in line 1 of {}"),
    ],
)
def test_damaged_names(file, content, message, tmp_path):
    write_set(tmp_path)
    (tmp_path / file).write_bytes(content)
    assert class_of(tmp_path, "3") == 2
    check_error(lambda: class_of(tmp_path, "C"), message.format(tmp_path / file))


# --- orientation, and files that do not fit ---------------------------------------------------------------------------


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
