"""Labels of IDX files as contexts: any classes, chosen by number or name."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tensorar import load_dataset
from tests.datasets.data_errors import check_error
from tests.datasets.idx_files import NAME, idx_bytes, labelled, write_set
from tests.datasets.user_files import all_events


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
        assert len(all_events(data)) == n
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
    write_set(tmp_path, NAME.removesuffix(".gz"))
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


def class_of(path, text, kind="idx"):
    return load_dataset(f"{kind}:path={path},labels=true").parse_context(text).argmax().item()


@pytest.mark.parametrize("kind", ["idx", "mnist"])
def test_names_of_emnist(kind, tmp_path):
    write_set(tmp_path, f"emnist-letters-{NAME}")
    (tmp_path / "emnist-letters-mapping.txt").write_text("".join(f"{i} {64 + i} {96 + i}\n" for i in range(1, 27)))
    assert [class_of(tmp_path, text, kind) for text in ("A", "a", "z", "1", "26")] == [0, 0, 25, 0, 25]
    check_error(lambda: class_of(tmp_path, "ä", kind), "a class: 1 to 26, or A, a, B, b", "got 'ä'")


@pytest.mark.parametrize("kind", ["idx", "mnist"])
def test_names_of_files_that_are_missing(kind, tmp_path, monkeypatch):
    write_set(tmp_path, f"emnist-letters-{NAME}")
    monkeypatch.chdir(tmp_path)
    check_error(
        lambda: load_dataset(f"{kind}:path=emnist-digits").train,
        "emnist-digits, or emnist-digits-train-images-idx3-ubyte.gz and ",
        "emnist-digits-test-images-idx3-ubyte.gz, in this folder",
        "got emnist-letters-",
    )


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
