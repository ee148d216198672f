"""Run folders: made by one process, locked while it writes, and left tidy."""

import json
import os
import subprocess
import sys
import threading

import pytest

from tensorar import RunError
from tensorar.runs.folder import existing_folder, new_folder, require_free
from tensorar.runs.lock import locked, require_unlocked
from tensorar.utils.files import write_atomically

# what tensorar does, without the time that importing torch takes
HOLD = """
import fcntl, json, os, sys
file = open(sys.argv[1] + "/training.lock", "w")
fcntl.flock(file, fcntl.LOCK_EX)
json.dump({"pid": os.getpid(), "host": "here", "command": "tensorar train"}, file)
file.flush()
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def held(tmp_path):
    """A folder that another process has locked, and that process."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "locked\n"
    yield tmp_path, process
    process.kill()
    process.communicate()


def test_a_second_process_is_refused_with_the_first_ones_number_and_command(held):
    folder, process = held
    for attempt in (locked, existing_folder):
        with (
            pytest.raises(RunError, match=rf"trained by process {process.pid} on here \(tensorar train\)"),
            attempt(folder),
        ):
            pass
    with pytest.raises(RunError, match=f"process {process.pid} on"):
        require_free(folder)


def test_a_killed_process_holds_no_lock(held):
    folder, process = held
    process.kill()
    process.wait()
    assert (folder / "training.lock").exists(), "the test needs a file that is left"
    require_unlocked(folder)
    with existing_folder(folder):
        owner = json.loads((folder / "training.lock").read_text())
        assert owner["pid"] == os.getpid()
    assert list(folder.iterdir()) == []


def test_a_folder_is_locked_once_in_a_process(tmp_path):
    with locked(tmp_path), pytest.raises(RunError, match=f"process {os.getpid()} on"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 4000, b"5", b'{"pid": 1}', b"\xff" * 9000])
def test_an_owner_that_cannot_be_read(tmp_path, content):
    with locked(tmp_path):
        (tmp_path / "training.lock").write_bytes(content)
        with pytest.raises(RunError, match="trained by another process"), locked(tmp_path):
            pass


def test_an_owner_is_printed_in_one_line_without_control_characters(tmp_path):
    with locked(tmp_path):
        owner = {"pid": 1, "host": "a\nb", "command": "\x1b[31mred"}
        (tmp_path / "training.lock").write_text(json.dumps(owner))
        with pytest.raises(RunError, match=r"process 1 on a\?b \(\?\[31mred\)"), locked(tmp_path):
            pass


def test_a_lock_does_not_remove_the_file_of_another_owner(tmp_path):
    with locked(tmp_path):
        (tmp_path / "training.lock").unlink()
        (tmp_path / "training.lock").write_text("theirs")
    assert (tmp_path / "training.lock").read_text() == "theirs"


@pytest.mark.parametrize("numbered", [False, True])
def test_a_new_folder_without_a_recipe_is_removed(tmp_path, numbered):
    with new_folder(tmp_path / "a" / "run", numbered=numbered) as made:
        for name in ("training/state.safetensors", "head.safetensors", "schema.json"):
            write_atomically(made / name, b"")
    assert list(tmp_path.iterdir()) == []


def test_the_users_own_empty_folder_stays(tmp_path):
    (tmp_path / "mine").mkdir()
    with new_folder(tmp_path / "mine", numbered=False):
        pass
    assert list(tmp_path.iterdir()) == [tmp_path / "mine"]


def test_numbered_folders_are_each_made_once(tmp_path):
    """Threads, like processes, race for the names."""
    (tmp_path / "toy").mkdir()
    made, start = [], threading.Barrier(8)

    def make():
        start.wait()
        with new_folder(tmp_path / "toy", numbered=True) as folder:
            (folder / "recipe.toml").touch()
            made.append(folder.name)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [f"toy-{i}" for i in range(2, 10)]


def test_one_of_several_gets_a_folder_of_a_given_name(tmp_path):
    made, refused, start = [], [], threading.Barrier(4)

    def make():
        start.wait()
        try:
            with new_folder(tmp_path / "run", numbered=False) as folder:
                (folder / "recipe.toml").touch()
                made.append(folder)
        except RunError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), len(refused)) == (1, 3)
    assert all("trained by process" in error or "a folder without a run" in error for error in refused)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    for numbered in (False, True):
        with (
            pytest.raises(RunError, match="got a file, not a folder"),
            new_folder(tmp_path / "file" / "run", numbered=numbered),
        ):
            pass
    with pytest.raises(RunError, match="no such folder"), existing_folder(tmp_path / "none"):
        pass


KILLED = """
import os, signal, sys
from pathlib import Path
from tensorar.utils.files import write_atomically
os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
for path in sys.argv[1:]:
    if os.fork() == 0:
        write_atomically(Path(path), b"half")
    os.wait()
"""


def test_the_next_writer_removes_what_killed_ones_left(tmp_path):
    run, mine = tmp_path / "run", [".recipe.toml.swp", ".notes.abcdefgh.tmp", ".model.safetensors.tmp"]
    (run / "training").mkdir(parents=True)
    for name in mine:
        (run / name).touch()
    names = ("model.safetensors", "schema.json", "training/state.safetensors")
    written = [str(run / name) for name in names]
    subprocess.run([sys.executable, "-c", KILLED, *written], check=True)
    assert len(list(run.rglob(".*"))) == len(mine) + len(names)
    with existing_folder(run):
        assert sorted(path.name for path in run.rglob(".*")) == sorted(mine)
