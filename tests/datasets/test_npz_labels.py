"""Classes of events in .npz files."""

import numpy as np
import pytest
import torch

from tensorar import DataError, load_dataset

CODE = np.array([[0, 0, 0], [1, 1, 1], [2, 2, 2]], dtype=np.uint8)


@pytest.mark.parametrize("names", [("data", "labels"), ("data", "data_labels"), ("train", "train_labels")])
def test_labels_stay_with_their_events(tmp_path, names):
    labels = np.random.default_rng(0).integers(0, 3, 60)
    np.savez(tmp_path / "x.npz", **{names[0]: CODE[labels], names[1]: 5 + labels})
    dataset = load_dataset("npz", path=str(tmp_path / "x.npz"), labels=True)
    assert dataset.class_names == ["5", "6", "7"] and dataset.context_features == 3
    for split in ("train", "valid", "test"):
        contexts = getattr(dataset.contexts, split)
        assert torch.equal(contexts.argmax(1), getattr(dataset, split)[:, 0].long())
    assert dataset.parse_context("6").tolist() == [0, 1, 0]


def test_files_that_are_split_have_labels_for_each_split(tmp_path):
    arrays = {name: CODE[np.arange(n) % 3] for name, n in (("train", 30), ("valid", 6), ("test", 7))}
    np.savez(tmp_path / "x.npz", **arrays, **{f"{name}_labels": np.arange(len(x)) % 3 for name, x in arrays.items()})
    dataset = load_dataset("npz", path=str(tmp_path / "x.npz"), labels=True)
    assert torch.equal(dataset.contexts.test.argmax(1), dataset.test[:, 0].long())


@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        ({}, "the classes of data of"),
        ({"labels": np.zeros(9, dtype=int)}, "a class for each of the 10 events in .*, got 9"),
        ({"labels": np.zeros(10)}, "a whole number or a text for each event"),
        ({"labels": np.zeros((10, 2), dtype=int)}, "a whole number or a text for each event"),
    ],
)
def test_labels_that_do_not_fit(tmp_path, labels, complaint):
    np.savez(tmp_path / "x.npz", data=np.zeros((10, 3), dtype=np.uint8), **labels)
    with pytest.raises(DataError, match=complaint):
        load_dataset("npz", path=str(tmp_path / "x.npz"), labels=True).contexts  # noqa: B018


@pytest.mark.parametrize(
    "names",
    [
        {"x_train": 20, "y_train": 20, "x_test": 10, "y_test": 10},
        {"X_train": 20, "y_train": 20},
        {"X": 30, "y": 30},
        {"x_train": 20, "y_train": 20, "x_val": 10, "y_val": 10, "x_test": 10, "y_test": 10},
    ],
)
def test_names_of_keras_and_scikit_learn_with_classes_as_text(tmp_path, names):
    texts = np.array(["dog", "cat", "owl"])
    numbers = np.arange(max(names.values())) % 3
    arrays = {name: (texts[numbers[:n]] if name[0] == "y" else numbers[:n, None] * 2) for name, n in names.items()}
    np.savez(tmp_path / "a.npz", **arrays)
    data = load_dataset(f"npz:path={tmp_path}/a.npz,labels=true")
    assert data.class_names == ["cat", "dog", "owl"]
    events = torch.cat([data.train, data.valid, data.test])[:, 0] // 2
    classes = torch.cat([data.contexts.train, data.contexts.valid, data.contexts.test]).argmax(1)
    assert torch.equal(torch.tensor([1, 0, 2])[events.long()], classes)
    assert data.parse_context("owl").tolist() == [0, 0, 1]
