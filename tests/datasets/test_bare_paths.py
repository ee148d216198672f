"""The bare path of a file means the dataset that reads files of its kind."""

import numpy as np
import pandas
import pytest
import torch

from tensorar import DataError, SpecError, default_registry, load_dataset
from tensorar.dataset_spec import dataset_spec

TABLE = pandas.DataFrame({"age": np.arange(20.0) % 7, "sex": ["f", "m"] * 10})
X = (np.arange(20 * 6) % 2).reshape(20, 2, 3).astype(np.uint8)


def _zarr(path):
    pytest.importorskip("zarr").save(str(path), X)


KINDS = {
    "people.csv": ("table", TABLE.to_csv),
    "my, people.tsv": ("table", lambda path: TABLE.to_csv(path, sep="\t")),
    "PEOPLE.CSV": ("table", TABLE.to_csv),
    "people.csv.gz": ("table", TABLE.to_csv),
    "people.parquet": ("table", TABLE.to_parquet),
    "people.xlsx": ("table", TABLE.to_excel),
    "x.npy": ("npy", lambda path: np.save(path, X)),
    "x.npz": ("npz", lambda path: np.savez(path, X)),
    "x.zarr": ("zarr", _zarr),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_file_is_read_by_the_dataset_of_its_ending(tmp_path, name):
    dataset, write = KINDS[name]
    write(tmp_path / name)
    spec = dataset_spec(str(tmp_path / name), default_registry())
    assert (spec.name, spec.options) == (dataset, {"path": str(tmp_path / name)})
    short, long = load_dataset(str(tmp_path / name)), load_dataset(spec)
    assert torch.equal(short.splits.train, long.splits.train)


def test_options_take_the_long_form(tmp_path):
    TABLE.to_csv(tmp_path / "people.csv", index=False)
    assert load_dataset(f"table:path={tmp_path / 'people.csv'},drop=sex").event_shape == (1,)
    assert load_dataset(str(tmp_path / "people.csv"), drop="sex").event_shape == (1,)


@pytest.mark.parametrize("separator", [",", ":"])
def test_options_after_a_bare_path_are_refused_with_the_long_form(separator):
    with pytest.raises(SpecError) as raised:
        load_dataset(f"some people.csv{separator}drop=sex,seed=3")
    assert raised.value.remedy == 'write table:path="some people.csv",drop=sex,seed=3'


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nobody\.csv to be a table: .* got no such file or directory"):
        load_dataset(str(tmp_path / "nobody.csv")).splits  # noqa: B018


def test_other_endings_are_refused(tmp_path):
    (tmp_path / "x.docx").write_bytes(b"x")
    with pytest.raises(SpecError, match=r"\(\.npy, .*\.csv.*\), got '.*x\.docx'"):
        load_dataset(str(tmp_path / "x.docx"))
