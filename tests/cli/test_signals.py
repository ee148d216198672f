"""SIGTERM and SIGHUP end every command in one line, with nothing half written."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tensorar_cli.signals import ending_signals

from .commands import environment, process_after

SLOW_SAMPLE = """
import sys, time
import tensorar.workflows as workflows
from tensorar_cli.__main__ import main

def sample(*arguments, progress, **options):
    open("started", "w").close()
    for step in range(600):
        progress(step, 600)
        time.sleep(0.1)

workflows.sample = sample
main()
"""


def _ended(cwd, number, *, before=""):
    """Start a slow command and send it a signal; return its exit code and its errors."""
    command = [sys.executable, "-W", "error", "-c", before + SLOW_SAMPLE, "sample", "run", "--out", "x.npy"]
    running = subprocess.Popen(command, cwd=cwd, env=environment(), stderr=subprocess.PIPE, text=True)
    try:
        until = time.monotonic() + 60
        while not (cwd / "started").exists() and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(running.pid, number)
        return running.wait(timeout=60), running.stderr.read()
    finally:
        running.kill()
        running.communicate()


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGTERM, "SIGTERM"), (signal.SIGHUP, "SIGHUP"), (signal.SIGINT, "Ctrl-C")]
)
def test_a_command_that_is_ended(number, name, tmp_path):
    # a shell that runs the tests in the background makes them ignore Ctrl-C
    code, errors = _ended(tmp_path, number, before="import signal; signal.signal(2, signal.default_int_handler)\n")
    assert (code, errors) == (128 + number, f"error: ended by {name}; files that were complete are kept\n")
    assert {path.name for path in tmp_path.iterdir()} == {"started"}


def test_handlers_are_restored():
    before = signal.getsignal(signal.SIGTERM)
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with ending_signals() as received, pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        assert (received.number, received.name) == (signal.SIGTERM, "SIGTERM")
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with ending_signals():
            signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_ctrl_c_while_the_command_is_imported(tmp_path):
    code = (
        "import sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'tensorar_cli.app':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Finder())"
    )
    ended = process_after(code, "train", "toy", cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (130, "error: ended by Ctrl-C before the command began\n")
