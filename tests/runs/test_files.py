"""Atomic writes: a file is written completely or not at all."""

import os
import stat
import threading

import pytest

from tensorar import RunError
from tensorar.utils.files import MAX_JSON_BYTES, json_line, read_json, write_atomically


def everything(folder):
    return {path.relative_to(folder): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def test_a_file_is_written_and_its_folders_are_created(tmp_path):
    write_atomically(tmp_path / "a" / "b" / "file", b"new")
    assert (tmp_path / "a" / "b" / "file").read_bytes() == b"new"
    assert len(everything(tmp_path)) == 3, "no temporary stays"


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_file_has_the_usual_permissions(tmp_path, umask):
    before = os.umask(umask)
    try:
        write_atomically(tmp_path / "ours", b"")
        (tmp_path / "plain").write_bytes(b"")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("ours", "plain")]
    assert modes[0] == modes[1]


def _fail(*arguments, **options):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    "step", ["os.fsync", "pathlib.Path.replace", "pathlib.Path.chmod", "tempfile.NamedTemporaryFile"]
)
@pytest.mark.parametrize("folder", ["", "new", "new/newer"])
def test_a_failure_at_any_step_changes_nothing(tmp_path, monkeypatch, step, folder):
    (tmp_path / "file").write_bytes(b"old")
    before = everything(tmp_path)
    monkeypatch.setattr(step, _fail)
    with pytest.raises(RunError, match="got No space left on device; choose another folder"):
        write_atomically(tmp_path / folder / "file", b"new")
    assert everything(tmp_path) == before


def test_existing_folders_remain_even_if_empty(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    monkeypatch.setattr("os.fsync", _fail)
    with pytest.raises(RunError):
        write_atomically(tmp_path / "mine" / "new" / "file", b"")
    assert [path.name for path in tmp_path.rglob("*")] == ["mine"]


def test_a_file_or_folder_in_the_path(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "below", tmp_path / "file" / "far" / "below"):
        with pytest.raises(RunError, match="got a file, not a folder"):
            write_atomically(path, b"new")
    with pytest.raises(RunError, match="got Is a directory"):
        write_atomically(tmp_path / "folder", b"new")
    assert everything(tmp_path) == {
        (tmp_path / n).relative_to(tmp_path): c for n, c in {"file": b"old", "folder": None}.items()
    }


def test_a_reader_sees_the_old_or_the_new_file(tmp_path):
    contents = [bytes([k]) * 200_000 for k in range(2)]
    path = tmp_path / "file"
    write_atomically(path, contents[0])
    over = threading.Event()

    def write():
        for k in range(30):
            write_atomically(path, contents[k % 2])
        over.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not over.is_set():
        seen.add(path.read_bytes())
    writer.join()
    assert seen <= set(contents)


def test_a_line_of_json():
    assert json_line({"a": (1, float("nan")), "b": {"c": [float("inf"), True, None]}, "d": 0.5}) == (
        '{"a": [1, null], "b": {"c": [null, true, null]}, "d": 0.5}'
    )


@pytest.mark.parametrize("target", ["/dev/zero", "."])
def test_json_is_read_from_regular_files(tmp_path, target):
    (tmp_path / "schema.json").symlink_to(target)
    with pytest.raises(RunError, match="something else than a file"):
        read_json(tmp_path / "schema.json")


def test_json_that_is_too_large_is_not_read(tmp_path):
    with (tmp_path / "schema.json").open("wb") as file:
        file.truncate(MAX_JSON_BYTES + 1)
    with pytest.raises(RunError, match="a larger file"):
        read_json(tmp_path / "schema.json")
