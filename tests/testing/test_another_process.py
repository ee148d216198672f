"""Calls in another process: another hash seed and order of folders, and results, failures and skips in words."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tensorar.parts.plugins import Plugins
from tensorar.parts.registry import Registry
from tensorar.testing import CheckFailed, CheckSkipped, checks
from tensorar.testing.another_process import in_another_process
from tests.testing.reference import Backwards

PLUGIN = '''
import torch
import tensorar


class Named(tensorar.Ordering):
    """In the order of the hashes of names."""

    name = "named"

    def visits(self, event_shape):
        print("this is not read as an answer")
        return torch.tensor(sorted(range(torch.Size(event_shape).numel()), key=lambda i: hash(f"name {i}")))


@tensorar.hookimpl
def tensorar_orderings():
    return [Named]
'''


def test_the_hash_seed_is_another_one():
    assert in_another_process(hash, "a text") != hash("a text")
    assert in_another_process(hash, "a text") == in_another_process(hash, "a text")


def test_folders_are_listed_in_descending_order(tmp_path):
    for name in "bac":
        (tmp_path / name).write_text("")
    assert in_another_process(_listings, tmp_path) == 4 * [["c", "b", "a"]]


def _listings(folder):
    walked = [files for _, _, files in os.walk(folder)]
    paths = [[path.name for path in found] for found in (folder.iterdir(), folder.glob("*"))]
    return [os.listdir(folder), *walked, *paths]  # noqa: PTH208


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere one process serves all requests")
def test_each_call_has_a_process_of_its_own():
    assert in_another_process(os.getpid) not in (os.getpid(), in_another_process(os.getpid))


@pytest.mark.parametrize(
    ("function", "argument", "message"),
    [(int, "x", "raised ValueError: invalid literal"), (sys.exit, 3, "raised SystemExit: 3")],
)
def test_an_error_there_is_a_failure_in_words(function, argument, message):
    with pytest.raises(CheckFailed, match=f"in another process {message}"):
        in_another_process(function, argument)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the process that serves requests would end")
def test_a_process_that_ends_is_a_failure():
    with pytest.raises(CheckFailed, match="the program ends with status 4"):
        in_another_process(os._exit, 4)


def test_a_part_that_only_this_process_has_is_skipped():
    class Local(Backwards):
        """Defined in a function."""

    result = {check.name: check for check in checks(Local)}["same_in_another_process"].run()
    assert result.status == "skipped"
    assert result.reason.startswith("another process cannot get the part: ")
    with pytest.raises(CheckSkipped):
        in_another_process(lambda: None)


def test_a_part_of_a_single_file_is_found_by_its_path(tmp_path):
    (tmp_path / "named_by_hash.py").write_text(PLUGIN)
    registry = Registry(Plugins())
    registry.load_file(tmp_path / "named_by_hash.py")
    part = registry.find("ordering", "named").part
    result = {check.name: check for check in checks(part)}["same_in_another_process"].run()
    # which of the small shapes differs first depends on the hash seed of this process
    assert result.status == "failed"
    assert result.reason.startswith("another process gives other orders (shape (")


def test_it_ends_with_the_process_that_started_it(tmp_path):
    code = "import os\nfrom tensorar.testing.another_process import in_another_process\n"
    command = [sys.executable, "-W", "error", "-c", code + "print(in_another_process(os.getppid))"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=Path(__file__).parents[2])
    assert ran.stderr == ""
    with pytest.raises(ProcessLookupError):
        os.kill(int(ran.stdout), 0)
