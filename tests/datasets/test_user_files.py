"""What the datasets of the user's own files share: paths, fractions, and errors about files that are no such files."""

from __future__ import annotations

import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorar import DataError, SpecError, load_dataset
from tests.datasets.data_errors import check_error
from tests.datasets.user_files import WHOLE


@pytest.mark.parametrize("kind", WHOLE)
@given(data=st.data())
def test_damaged_files_load_or_give_an_error(scratch, kind, data):
    whole = WHOLE[kind]()
    where = data.draw(st.integers(0, len(whole) - 1))
    cut = data.draw(st.booleans())
    damaged = whole[:where] + (b"" if cut else bytes([data.draw(st.integers(0, 255))]) + whole[where + 1 :])
    (scratch / f"damaged.{kind}").write_bytes(damaged)
    try:
        _ = load_dataset(f"{kind}:path={scratch}/damaged.{kind}").train
    except DataError as error:
        assert "\n" not in str(error)
    else:
        assert not cut or kind in ("npz", "table")


@pytest.mark.parametrize("kind", ["npy", "npz", "table"])
def test_a_missing_file_a_folder_and_a_file_of_another_kind(tmp_path, kind):
    (tmp_path / "text").write_bytes(b"\xff\xfehello\nworld")
    for path in ("none", "text", ""):
        check_error(lambda path=path: load_dataset(f"{kind}:path={tmp_path / path}").train)


@pytest.mark.parametrize("kind", WHOLE)
def test_a_dollar_in_a_path_is_a_variable_unless_the_file_exists(kind, tmp_path, monkeypatch):
    monkeypatch.setenv("FOLDER", str(tmp_path))
    monkeypatch.delenv("UNSET", raising=False)
    for name in ("a$UNSET", "a$FOLDER"):
        (tmp_path / name).write_bytes(WHOLE[kind]())
        assert len(load_dataset(f"{kind}:path={tmp_path}/{name}").valid) > 0
    assert len(load_dataset(f"{kind}:path=$FOLDER/a$UNSET").valid) > 0
    check_error(lambda: load_dataset(f"{kind}:path=$UNSET/a").train, "the environment variable UNSET, used in the path")


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize(
    "options", ["valid_fraction=0", "test_fraction=1", "valid_fraction=0.5,test_fraction=0.5", "valid_fraction=-0.1"]
)
def test_fractions_that_leave_a_split_empty(kind, options):
    check_error(lambda: load_dataset(f"{kind}:path=x,{options}"), kind=SpecError)


@pytest.mark.parametrize("kind", WHOLE)
def test_the_path_is_required(kind):
    check_error(lambda: load_dataset(kind), "path", kind=SpecError)


@pytest.mark.parametrize("kind", WHOLE)
def test_special_files(kind, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(tmp_path / "socket"))
        for path, got in ((tmp_path / "pipe", "a pipe"), (tmp_path / "socket", "a socket"), ("/dev/zero", "a device")):
            check_error(lambda path=path: load_dataset(f"{kind}:path={path}").train, f"got {got}; pass the path of a")
    if kind not in ("idx", "npy"):
        check_error(lambda: load_dataset(f"{kind}:path={tmp_path}").train, "got a folder")


def test_special_files_in_the_folder_of_mnist(tmp_path):
    for part in ("train", "t10k"):
        os.mkfifo(tmp_path / f"{part}-images-idx3-ubyte.gz")
    for kind in ("mnist", "idx"):
        check_error(lambda kind=kind: load_dataset(f"{kind}:path={tmp_path}").train, "got a pipe")


@pytest.mark.parametrize("kind", [*WHOLE, "mnist", "mnist:binarize=static"])
@pytest.mark.parametrize("path", ["~nosuchuser/x", "a\0b", "x" * 5000, "x/" * 3000])
def test_impossible_paths(kind, path):
    check_error(lambda: load_dataset(kind, path=path).train, path[:9])
